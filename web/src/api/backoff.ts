// How long to wait before the next attempt: doubling, capped, with jitter so that a class does not come back as one.

const FIRST_MS = 500
const CAP_MS = 15_000

/** `attempt` counts from 0; the answer lies between half and all of the doubled delay. */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 10))
  return full / 2 + random() * (full / 2)
}

/** Waits, but not beyond the moment when the machine says that it is online again. */
export function waitOrOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      window.removeEventListener('online', finish)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const timer = setTimeout(finish, ms)
    window.addEventListener('online', finish)
    signal.addEventListener('abort', finish)
    if (signal.aborted) finish()
  })
}
