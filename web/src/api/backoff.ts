// How long to wait before the next attempt: doubling, capped, with jitter so that a class does not come back as one.

const FIRST_MS = 500
/** Who waits looks at a spinner: a server that is back is found within this, and two hundred pages at it are a small load. */
const CAP_MS = 3_000

/** `attempt` counts from 0; the answer lies between half and all of the doubled delay. */
export function backoffDelay(attempt: number, random: () => number = Math.random): number {
  const full = Math.min(CAP_MS, FIRST_MS * 2 ** Math.min(attempt, 10))
  return full / 2 + random() * (full / 2)
}

/** Counts what failed in a row, and forgets it after a time that was long enough to call good. */
export class Attempts {
  private failed = 0
  private goodSince: number | null = null

  constructor(private readonly stableMs = 10_000) {}

  succeeded(): void {
    this.goodSince ??= performance.now()
  }

  restart(): void {
    this.failed = 0
    this.goodSince = null
  }

  /** Settles when the next attempt is due. */
  async next(signal: AbortSignal): Promise<void> {
    if (this.goodSince !== null && performance.now() - this.goodSince > this.stableMs) this.failed = 0
    this.goodSince = null
    await waitOrOnline(backoffDelay(this.failed++), signal)
  }
}

/** Settles at once while somebody looks at the page, or as soon as somebody does. */
export function untilVisible(signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const look = () => {
      if (document.hidden && !signal.aborted) return
      document.removeEventListener('visibilitychange', look)
      signal.removeEventListener('abort', look)
      resolve()
    }
    document.addEventListener('visibilitychange', look)
    signal.addEventListener('abort', look)
    look()
  })
}

/** Waits, but not beyond the moment when waiting makes no sense any more: the machine is online again, or somebody looks. */
export function waitOrOnline(ms: number, signal: AbortSignal): Promise<void> {
  return new Promise((resolve) => {
    const finish = () => {
      clearTimeout(timer)
      window.removeEventListener('online', finish)
      document.removeEventListener('visibilitychange', look)
      signal.removeEventListener('abort', finish)
      resolve()
    }
    const look = () => {
      if (!document.hidden) finish()
    }
    const timer = setTimeout(finish, ms)
    window.addEventListener('online', finish)
    document.addEventListener('visibilitychange', look)
    signal.addEventListener('abort', finish)
    if (signal.aborted) finish()
  })
}
