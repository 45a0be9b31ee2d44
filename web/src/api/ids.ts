// Join codes as people write them, and ids made without a secure context.

const ALPHABET = '0123456789ABCDEFGHJKMNPQRSTVWXYZ'

/** Crockford base32: case, spaces and hyphens do not matter; O reads as 0, I and L as 1. */
export function normaliseJoinCode(text: string): string {
  return text.toUpperCase().replace(/[\s-]/g, '').replace(/O/g, '0').replace(/[IL]/g, '1')
}

/** `7k3q9xwd` → `7K3Q-9XWD`, also while it is being typed. */
export function formatJoinCode(text: string): string {
  const code = normaliseJoinCode(text).slice(0, 8)
  return code.length > 4 ? `${code.slice(0, 4)}-${code.slice(4)}` : code
}

export function isJoinCode(text: string): boolean {
  const code = normaliseJoinCode(text)
  return code.length === 8 && [...code].every((character) => ALPHABET.includes(character))
}

/** 128 random bits. `crypto.randomUUID` is missing over plain http by address; getRandomValues is not. */
export function randomId(): string {
  const bytes = crypto.getRandomValues(new Uint8Array(16))
  return Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('')
}
