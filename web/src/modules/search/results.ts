// Matches as they are shown: by file, as rows for the keyboard, with the match made out in its line. Pure.

import type { ContentMatch } from '../../api/search'

export type ResultRow =
  | { kind: 'file'; id: string; path: string; count: number; open: boolean }
  | { kind: 'match'; id: string; match: ContentMatch }

/** Files in the seat's order, each with its matches unless it is folded. */
export function resultRows(matches: readonly ContentMatch[], folded: ReadonlySet<string>): ResultRow[] {
  const files = new Map<string, ContentMatch[]>()
  for (const match of matches) {
    const known = files.get(match.path)
    if (known) known.push(match)
    else files.set(match.path, [match])
  }
  return [...files].flatMap(([path, inFile]): ResultRow[] => {
    const open = !folded.has(path)
    const head: ResultRow = { kind: 'file', id: path, path, count: inFile.length, open }
    return open ? [head, ...inFile.map((match): ResultRow => ({ kind: 'match', id: idOf(match), match }))] : [head]
  })
}

function idOf({ path, line, column }: ContentMatch): string {
  return `${path}:${line}:${column}`
}

const CONTEXT_BEFORE = 32

/** The line in three, without its indentation; what is far left of the match makes room for it. */
export function piecesOf(match: ContentMatch): { before: string; hit: string; after: string } {
  const start = clamp(match.column - match.textColumn, match.text.length)
  const end = Math.max(start, clamp(match.endColumn - match.textColumn, match.text.length))
  const before = match.text.slice(0, start).trimStart()
  return {
    before: before.length > CONTEXT_BEFORE ? `…${before.slice(-CONTEXT_BEFORE)}` : before,
    hit: match.text.slice(start, end),
    after: match.text.slice(end),
  }
}

function clamp(value: number, most: number): number {
  return Math.min(Math.max(0, value), most)
}

export type ResultMove = { to: 'row'; id: string } | { to: 'fold' | 'unfold'; path: string }

/** What an arrow key does to the row with the focus. */
export function moveInResults(key: string, rows: readonly ResultRow[], id: string): ResultMove | null {
  const index = rows.findIndex((row) => row.id === id)
  const row = rows[index]
  if (!row) return null
  const toRow = (target: ResultRow | undefined): ResultMove | null => (target ? { to: 'row', id: target.id } : null)
  switch (key) {
    case 'ArrowDown':
      return toRow(rows[index + 1])
    case 'ArrowUp':
      return toRow(rows[index - 1])
    case 'Home':
      return toRow(rows[0])
    case 'End':
      return toRow(rows.at(-1))
    case 'ArrowRight':
      if (row.kind === 'match') return null
      return row.open ? toRow(rows[index + 1]) : { to: 'unfold', path: row.path }
    case 'ArrowLeft':
      if (row.kind === 'match') return { to: 'row', id: row.match.path }
      return row.open ? { to: 'fold', path: row.path } : null
    default:
      return null
  }
}
