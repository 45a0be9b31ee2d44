// This page's way into one seat, for as long as the page lives: asks the gateway after every closed socket, renews in time,
// and joins again by itself when the seat was reset. It shows nothing; views subscribe to its state.

import { backoffDelay, waitOrOnline } from '../../api/backoff'
import { isApiError, type ApiError } from '../../api/client'
import type { End, SeatSessionAnswer } from '../../api/seat'
import type { SeatMode } from '../../api/workshops'

export type GoneReason = 'signed_out' | 'released' | 'ended'

export type SeatState =
  | { phase: 'opening' }
  | { phase: 'ready'; mode: SeatMode; generation: number; end: End | null }
  /** `message` is the server's, where it has one. */
  | { phase: 'waiting'; why: 'offline' | 'recovering' | 'resetting' | 'locked'; message?: string }
  | { phase: 'gone'; why: GoneReason }

/** The calls that it makes; tests put their own here. */
export interface SeatCalls {
  check(): Promise<SeatSessionAnswer>
  renew(): Promise<SeatSessionAnswer>
  /** After a reset: the same person, a token of the new generation, a session from it. */
  enterAgain(): Promise<SeatSessionAnswer>
  wait(ms: number, signal: AbortSignal): Promise<void>
  now(): number
}

const LONGEST_TIMER_MS = 24 * 60 * 60 * 1000
const SOONEST_RENEWAL_MS = 20_000
/** Workshops are extended and cut short while they run: who hears last still has time to keep what is theirs. */
const LOOK_MS = 20_000
/** Between two looks whether a locked seat is open again. */
const LOCKED_MS = 2_000

export class SeatSession {
  private state: SeatState = { phase: 'opening' }
  private readonly listeners = new Set<() => void>()
  private life = new AbortController()
  private checking: Promise<boolean> | null = null
  /** Told when a call was not answered at all. */
  private unanswered: (() => void)[] = []
  private renewal: ReturnType<typeof setTimeout> | undefined
  private plannedFor: string | null = null
  private nextLook: ReturnType<typeof setTimeout> | undefined
  private lastMode: SeatMode = 'control'

  constructor(private readonly calls: SeatCalls) {}

  getState = (): SeatState => this.state

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  get mode(): SeatMode {
    return this.lastMode
  }

  start(): void {
    if (this.life.signal.aborted) this.life = new AbortController()
    void this.check()
  }

  stop(): void {
    this.life.abort()
    clearTimeout(this.renewal)
    this.plannedFor = null
    clearTimeout(this.nextLook)
    this.checking = null
  }

  /** Settles once the seat has answered: `false` when the way in has ended. However many ask, one call is under way. */
  check(): Promise<boolean> {
    if (this.state.phase === 'gone') return Promise.resolve(false)
    if (this.checking) return this.checking
    const checking = this.untilAnswered().finally(() => {
      if (this.checking === checking) this.checking = null
    })
    this.checking = checking
    return checking
  }

  /** As `check`, but a seat that could not be asked at all is worth an attempt: a new connection may go where the old
   * one, on which it was asked, does not. */
  mayTry(): Promise<boolean> {
    return Promise.race([
      this.check(),
      new Promise<boolean>((resolve) => {
        this.unanswered.push(() => resolve(true))
      }),
    ])
  }

  private async untilAnswered(): Promise<boolean> {
    const { signal } = this.life
    let entering = false
    let reset = false
    for (let attempt = 0; !signal.aborted; attempt++) {
      let wait: number
      try {
        const answer = await (entering ? this.calls.enterAgain() : this.calls.check())
        if (signal.aborted) return false
        if (!entering) {
          this.unanswered = []
          this.entered(answer)
          return true
        }
        // The token is good before the new seat is up: `check` says when it is.
        entering = false
        wait = 0
      } catch (error) {
        if (signal.aborted) return false
        const verdict = judge(error)
        if (verdict.next === 'gone') {
          this.set({ phase: 'gone', why: verdict.why })
          clearTimeout(this.renewal)
          clearTimeout(this.nextLook)
          return false
        }
        wait = backoffDelay(attempt)
        if (verdict.next === 'enter_again') {
          if (!reset) wait = 0
          entering = true
          reset = true
          this.set({ phase: 'waiting', why: 'resetting' })
        } else {
          wait = verdict.afterMs ?? wait
          if (verdict.why === 'offline') this.unanswered.splice(0).forEach((tell) => tell())
          const message = reset ? undefined : verdict.message
          const why = reset && verdict.why !== 'locked' ? 'resetting' : verdict.why
          this.set({ phase: 'waiting', why, ...(message ? { message } : {}) })
        }
      }
      if (wait > 0) await this.calls.wait(wait, signal)
    }
    return false
  }

  private entered(answer: SeatSessionAnswer): void {
    this.lastMode = answer.mode
    this.set({ phase: 'ready', mode: answer.mode, generation: answer.generation, end: answer.end })
    this.planRenewal(answer.expires_at)
    clearTimeout(this.nextLook)
    this.nextLook = setTimeout(() => void this.check(), LOOK_MS)
  }

  /** At two thirds of what is left. A clock that is wrong makes it early, never absent. */
  private planRenewal(expiresAt: string): void {
    // Once for each token: planned anew at every look it would come later and later.
    if (expiresAt === this.plannedFor) return
    this.plannedFor = expiresAt
    clearTimeout(this.renewal)
    const left = Date.parse(expiresAt) - this.calls.now()
    const delay = Math.min(Math.max((left * 2) / 3 || 0, SOONEST_RENEWAL_MS), LONGEST_TIMER_MS)
    this.renewal = setTimeout(() => void this.renew(), delay)
  }

  private async renew(): Promise<void> {
    this.plannedFor = null
    try {
      this.entered(await this.calls.renew())
    } catch {
      // `check` finds out what is the matter, and plans the next renewal when all is well.
      if (!this.life.signal.aborted) void this.check()
    }
  }

  private set(state: SeatState): void {
    if (JSON.stringify(state) === JSON.stringify(this.state)) return
    this.state = state
    this.listeners.forEach((listener) => listener())
  }
}

type Verdict =
  | { next: 'gone'; why: GoneReason }
  | { next: 'enter_again' }
  | { next: 'wait'; why: 'offline' | 'recovering' | 'locked'; afterMs?: number; message?: string }

export function judge(error: unknown): Verdict {
  if (!isApiError(error)) return { next: 'wait', why: 'recovering' }
  switch (error.code) {
    case 'network_error':
      return { next: 'wait', why: 'offline' }
    case 'seat_locked':
      return { next: 'wait', why: 'locked', afterMs: afterOf(error) ?? LOCKED_MS }
    case 'reset':
      return { next: 'enter_again' }
    case 'released':
    case 'unknown_reconnect_code':
      return { next: 'gone', why: 'released' }
    case 'ended':
    case 'unknown_code':
    case 'not_found':
      return { next: 'gone', why: 'ended' }
    case 'unauthenticated':
    case 'setup_required':
      return { next: 'gone', why: 'signed_out' }
  }
  if (error.status === 410) return { next: 'gone', why: 'ended' }
  if (error.status === 401 || error.status === 403) return { next: 'gone', why: 'signed_out' }
  const isPassing = error.status >= 500 || [408, 425, 429].includes(error.status)
  return isPassing ? waitAsTold(error) : { next: 'gone', why: 'signed_out' }
}

function waitAsTold(error: ApiError): Verdict {
  const afterMs = afterOf(error)
  return { next: 'wait', why: 'recovering', message: error.message, ...(afterMs === undefined ? {} : { afterMs }) }
}

function afterOf({ details: { retryAfter } }: ApiError): number | undefined {
  return retryAfter === undefined ? undefined : Math.max(retryAfter, 0.5) * 1000
}

export const browserWait = { wait: waitOrOnline, now: () => Date.now() }
