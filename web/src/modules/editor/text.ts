// From bytes to a text that an editor may show, or a kind refusal.

export const LARGEST_BYTES = 2 * 1024 * 1024

export type Decoded = { text: string } | { declined: string }

export function tooLarge(bytes: number): string | null {
  if (bytes <= LARGEST_BYTES) return null
  const size = (bytes / (1024 * 1024)).toFixed(1)
  return `This file has ${size} MB. The editor takes up to 2 MB; use the terminal, or download it.`
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
