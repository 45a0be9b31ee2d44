// Which letters of a path a query has met, for showing them; the seat decides what matches.

export interface Piece {
  text: string
  hit: boolean
}

/** The path cut where hits begin and end. */
export function highlight(path: string, query: string): Piece[] {
  const hits = hitsIn(path, query)
  const pieces: Piece[] = []
  for (let index = 0; index < path.length; index++) {
    const hit = hits.has(index)
    const last = pieces.at(-1)
    if (last?.hit === hit) last.text += path.charAt(index)
    else pieces.push({ text: path.charAt(index), hit })
  }
  return pieces
}

function hitsIn(path: string, query: string): Set<number> {
  const hits = new Set<number>()
  const lower = path.toLowerCase()
  if (lower.length !== path.length) return hits // A letter that changes its length would shift the rest.
  for (const word of query.toLowerCase().split(/\s+/).filter(Boolean)) {
    const whole = lower.lastIndexOf(word)
    if (whole !== -1) {
      for (let index = whole; index < whole + word.length; index++) hits.add(index)
    } else {
      for (const index of scattered(lower, word)) hits.add(index)
    }
  }
  return hits
}

/** From the end, so that letters are rather found in the name than in its folders. */
function scattered(path: string, word: string): number[] {
  const found: number[] = []
  let end = path.length
  for (const letter of [...word].reverse()) {
    const index = path.slice(0, end).lastIndexOf(letter)
    if (index === -1) return []
    found.push(index)
    end = index
  }
  return found
}
