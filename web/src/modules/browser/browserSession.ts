// One seat's browser from its page: asks until it is there, lets it go once nobody has looked for a while (an unwatched
// browser is paused and costs the class nothing), and asks again when somebody looks.

import type { BrowserAnswer, BrowserWait } from '../../api/browser'
import { isApiError, isPassing, messageOf } from '../../api/client'

export type BrowserState =
  | { phase: 'asking' }
  | { phase: 'waiting'; wait: BrowserWait; since: number }
  /** The server does not answer, or not yet; asked again by itself. */
  | { phase: 'unreachable'; message: string }
  | { phase: 'shown'; url: string; origin: string }
  | { phase: 'resting' }
  | { phase: 'off' }
  | { phase: 'failed'; message: string }


const ASK_AGAIN_MS = 1000
/** By then a server with room has given it away. */
const PLACE_GIVEN_MS = 500
/** Also what a server that asks for patience may get at most: somebody is looking at a spinner. */
const LONGEST_WAIT_MS = 10_000
/** A look at another pane or tab costs nothing; lunch does. */
export const REST_AFTER_MS = 120_000

export class BrowserSession {
  private state: BrowserState = { phase: 'resting' }
  private readonly listeners = new Set<() => void>()
  private asking: AbortController | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private isWatched = false
  private leftAt = 0
  private wasQueued = false

  constructor(
    private readonly askForIt: (signal: AbortSignal) => Promise<BrowserAnswer>,
    private readonly now = () => Date.now(),
  ) {}

  readonly getState = (): BrowserState => this.state

  readonly subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** Whether anybody can see the panel now. */
  watch(isWatched: boolean): void {
    if (isWatched === this.isWatched) return
    this.isWatched = isWatched
    if (!isWatched) {
      this.leftAt = this.now()
      if (this.state.phase === 'shown') this.after(REST_AFTER_MS, () => this.rest())
      return
    }
    if (this.state.phase === 'resting') this.again()
    else if (this.state.phase === 'shown') this.stopTimer()
  }

  /** From the start: a way in that nobody has used yet. */
  again(): void {
    this.stopAsking()
    this.wasQueued = false
    this.become({ phase: 'asking' })
    void this.ask()
  }

  stop(): void {
    this.isWatched = false
    this.rest()
  }

  private rest(): void {
    this.stopAsking()
    this.become({ phase: 'resting' })
  }

  private async ask(): Promise<void> {
    const asking = new AbortController()
    this.asking = asking
    let answer: BrowserAnswer
    try {
      answer = await this.askForIt(asking.signal)
    } catch (error) {
      if (!asking.signal.aborted) this.refused(error)
      return
    }
    if (asking.signal.aborted) return
    if ('there' in answer) this.arrived(answer.there)
    else if (this.state.phase === 'asking' && !this.wasQueued && isNext(answer.wait)) {
      // Everybody queues at first; who has a place a moment later never waited for one.
      this.wasQueued = true
      this.after(PLACE_GIVEN_MS, () => this.againOrRest())
    } else {
      this.become({ phase: 'waiting', wait: answer.wait, since: this.waitingSince(answer.wait) })
      this.after(ASK_AGAIN_MS, () => this.againOrRest())
    }
  }

  private arrived({ url, origin }: { url: string; origin: string }): void {
    // A way in is good for half a minute: nobody here to use it means asking again later.
    if (!this.isWatched) this.rest()
    else this.become({ phase: 'shown', url, origin })
  }

  private refused(error: unknown): void {
    if (isApiError(error, 'browser_off')) this.become({ phase: 'off' })
    else if (isPassing(error) && !isApiError(error, 'browser_failed')) {
      this.become({ phase: 'unreachable', message: messageOf(error) })
      const asked = isApiError(error) ? (error.details.retryAfter ?? 0) * 1000 : 0
      this.after(Math.min(Math.max(asked, 2 * ASK_AGAIN_MS), LONGEST_WAIT_MS), () => this.againOrRest())
    } else this.become({ phase: 'failed', message: messageOf(error) })
  }

  /** Leaving for a moment loses no place in the queue; who stays away has none. */
  private againOrRest(): void {
    if (this.isWatched || this.now() - this.leftAt < REST_AFTER_MS) void this.ask()
    else this.rest()
  }

  private waitingSince({ status }: BrowserWait): number {
    const before = this.state
    return before.phase === 'waiting' && before.wait.status === status ? before.since : this.now()
  }

  private after(ms: number, act: () => void): void {
    this.stopTimer()
    this.timer = setTimeout(act, ms)
  }

  private stopTimer(): void {
    clearTimeout(this.timer)
    this.timer = undefined
  }

  private stopAsking(): void {
    this.stopTimer()
    this.asking?.abort()
    this.asking = null
  }

  private become(state: BrowserState): void {
    this.state = state
    for (const listener of this.listeners) listener()
  }
}

function isNext({ status, position }: BrowserWait): boolean {
  return status === 'queued' && (position ?? 1) === 1
}
