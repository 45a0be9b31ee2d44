import type { End } from '../../api/seat'

const WARNINGS = [1, 5, 15] as const

/** Which warning holds while so many begun minutes are left; `null` while the end is far, unknown, or was put off. */
export function warningAt(minutesLeft: number | null): (typeof WARNINGS)[number] | null {
  return minutesLeft === null ? null : (WARNINGS.find((warning) => minutesLeft <= warning) ?? null)
}

/** What a learner reads then. */
export function endWords(minutesLeft: number, cause: End['cause']): string {
  const when = minutesLeft <= 1 ? 'in a minute' : `in ${minutesLeft} minutes`
  return cause === 'idle'
    ? `Nobody uses this workshop, so it ends ${when}. Type anything in a terminal, or save a file, and it goes on. Otherwise your seat and its files go then.`
    : `The workshop ends ${when}. Your seat and its files go then: download what you want to keep.`
}
