const WARNINGS = [1, 5, 15] as const

/** Which warning holds while so many begun minutes are left; `null` while the end is far, unknown, or was put off. */
export function warningAt(minutesLeft: number | null): (typeof WARNINGS)[number] | null {
  return minutesLeft === null ? null : (WARNINGS.find((warning) => minutesLeft <= warning) ?? null)
}
