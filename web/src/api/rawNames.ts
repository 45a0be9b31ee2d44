// Names that aren't UTF-8. A seat tells their bytes as base64url; here such a name is a path segment of NUL and those, which
// no real name can be, so that paths stay strings that can be compared, cut and joined. It also says how any name is shown.

const MARK = '\0'
const utf8 = new TextEncoder()

/** A segment for the bytes that the seat told, or null where it told nonsense. */
export function rawSegment(base64url: string): string | null {
  return /^[A-Za-z0-9_-]+$/.test(base64url) && bytesOf(base64url) !== null ? MARK + base64url : null
}

/** Whether any part of it isn't text. */
export function isRawPath(path: string): boolean {
  return path.includes(MARK)
}

/** The whole path as `?raw=` takes it. */
export function rawQuery(path: string): string {
  const bytes = path.split('/').flatMap((segment, index) => {
    const name = segment.startsWith(MARK) ? (bytesOf(segment.slice(1)) ?? new Uint8Array()) : utf8.encode(segment)
    return index === 0 ? [...name] : [0x2f, ...name]
  })
  return btoa(String.fromCharCode(...bytes)).replaceAll('+', '-').replaceAll('/', '_').replace(/=+$/, '')
}

/** What the name was probably meant to be: most such names come from machines that wrote Latin-1. */
export function textOfRaw(segment: string): string {
  return decode(bytesOf(segment.slice(1)), (byte) => String.fromCharCode(byte))
}

/** A path segment as people can read and tell it from others. */
export function labelOf(segment: string): string {
  if (!segment.startsWith(MARK)) return escapeUnseen(segment)
  return escapeUnseen(decode(bytesOf(segment.slice(1)), (byte) => `\\x${hex(byte, 2)}`))
}

export function pathLabel(path: string): string {
  return path.split('/').map(labelOf).join('/')
}

const SHORT: Record<string, string> = { '\n': '\\n', '\r': '\\r', '\t': '\\t' }

/** Control characters, line separators, and what turns the direction of a text around or takes no room. */
function escapeUnseen(name: string): string {
  // eslint-disable-next-line no-control-regex
  return name.replaceAll(/[\u0000-\u001f\u007f]|[\u200b\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff]/g, (unseen) =>
    unseen < '\u0080'
      ? (SHORT[unseen] ?? `\\x${hex(unseen.charCodeAt(0), 2)}`)
      : `\\u${hex(unseen.charCodeAt(0), 4)}`,
  )
}

function hex(value: number, digits: number): string {
  return value.toString(16).padStart(digits, '0')
}

/** As UTF-8, and each byte that is no part of a character by itself. */
function decode(bytes: Uint8Array | null, other: (byte: number) => string): string {
  const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })
  let text = ''
  for (let at = 0; bytes && at < bytes.length; ) {
    const first = bytes[at] ?? 0
    const length = first < 0x80 ? 1 : first < 0xe0 ? 2 : first < 0xf0 ? 3 : 4
    try {
      text += decoder.decode(bytes.subarray(at, at + length))
      at += length
    } catch {
      text += other(first)
      at += 1
    }
  }
  return text
}

function bytesOf(base64url: string): Uint8Array | null {
  try {
    return Uint8Array.from(atob(base64url.replaceAll('-', '+').replaceAll('_', '/')), (byte) => byte.charCodeAt(0))
  } catch {
    return null
  }
}
