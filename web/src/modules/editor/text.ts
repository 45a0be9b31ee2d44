// From bytes to a text that an editor may show, or a kind refusal.

export const LARGEST_BYTES = 2 * 1024 * 1024

export type Decoded = { text: string } | { declined: string }

export function tooLarge(bytes: number): string | null {
  if (bytes <= LARGEST_BYTES) return null
  const size = (bytes / (1024 * 1024)).toFixed(1)
  return `This file has ${size} MB. The editor takes up to 2 MB; use the terminal, or download it.`
}

/** What has to be replaced in one text to make the other: everything between what both begin and end with. */
export function smallestEdit(before: string, after: string): { start: number; end: number; text: string } {
  const shorter = Math.min(before.length, after.length)
  let start = 0
  while (start < shorter && before[start] === after[start]) start += 1
  let same = 0
  while (same < shorter - start && before[before.length - 1 - same] === after[after.length - 1 - same]) same += 1
  // Neither a surrogate pair nor a line ending is cut in two.
  if (start > 0 && /[\ud800-\udbff\r]/.test(before.charAt(start - 1))) start -= 1
  if (same > 0 && /[\udc00-\udfff\n]/.test(before.charAt(before.length - same))) same -= 1
  return { start, end: before.length - same, text: after.slice(start, after.length - same) }
}

/** The byte order mark stays, so that a save changes only what a person changed. */
export function decodeText(bytes: Uint8Array): Decoded {
  const large = tooLarge(bytes.length)
  if (large !== null) return { declined: large }
  const binary = 'This is not a text file, so the editor leaves it alone. You can download it.'
  if (bytes.includes(0)) return { declined: binary }
  try {
    return { text: new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes) }
  } catch {
    return { declined: binary }
  }
}
