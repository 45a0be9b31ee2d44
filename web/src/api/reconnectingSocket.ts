// One WebSocket that comes back after every failure, for as long as somebody looks at the page and a little longer, and that
// finds out by itself when its connection died without a word. It knows neither what is said nor who listens.

import { Attempts, untilVisible } from './backoff'

/** Whoever looks away for less than this finds everything as it is. */
const LINGER_MS = 60_000
/** A handshake that takes longer goes nowhere. */
const OPENING_MS = 20_000
/** How long a question may go unanswered, on a bad line. */
const ANSWER_MS = 5_000
/** Typed, and nothing came: most programs say something sooner. */
const ECHO_MS = 3_000
/** A timer that is later than this was kept waiting by something else. */
const LATE_MS = 1_000

/** How a connection is known to live. */
export interface Pulse {
  /** Longest time without a message that says nothing yet. */
  quietMs: number
  /** What is asked then, and what the server says to it; without, quiet is dead. */
  question?: { ask: string; answer: string }
}

/** What seats answer on their sockets: pages see nothing of WebSocket's own pings. */
export const SEAT_PULSE: Pulse = {
  quietMs: 15_000,
  question: { ask: '{"type":"ping"}', answer: '{"type":"pong"}' },
}

export interface ReconnectingOptions {
  /** Of the next attempt. */
  url(): string
  protocol?: string
  pulse: Pulse
  /** For how long it stays after the page was hidden. */
  lingerMs?: number
  /** Asked before every further attempt; `false` when this page's way in has ended. */
  check?(): Promise<boolean>
  opened(): void
  message(data: string | ArrayBuffer): void
  /** There is no connection any more, or an attempt failed. `null`: let go, because nobody looks or by request; otherwise
   * the answer says how to go on. */
  closed(code: number | null): Next
}

/** `when_seen`: as soon as somebody looks. */
export type Next = 'again' | 'when_seen' | 'over'

/** RFC 6455, section 7.1.5: a connection that ended without a close frame. */
const ABNORMAL = 1006

export class ReconnectingSocket {
  /** Ended and replaced by every stop: what waits under an old one does nothing any more. */
  private life: AbortController | null = null
  private readonly attempts = new Attempts()
  private socket: WebSocket | null = null
  private isOpen = false
  private waiting = false
  private linger: ReturnType<typeof setTimeout> | undefined
  private pulse: ReturnType<typeof setTimeout> | undefined
  /** When the pulse is due, on the clock of `performance.now`. */
  private pulseDue = Infinity
  private asked = false

  constructor(private readonly options: ReconnectingOptions) {}

  start(): void {
    if (this.life) return
    this.life = new AbortController()
    document.addEventListener('visibilitychange', this.look)
    window.addEventListener('online', this.renew)
    if (this.isWanted) this.connect()
  }

  stop(): void {
    document.removeEventListener('visibilitychange', this.look)
    window.removeEventListener('online', this.renew)
    clearTimeout(this.linger)
    this.life?.abort()
    this.life = null
    this.waiting = false
    this.attempts.restart()
    this.letGo()
  }

  /** `false` when there is no connection that could take it. */
  send(data: string | Uint8Array<ArrayBuffer>): boolean {
    if (!this.isOpen || this.socket?.readyState !== WebSocket.OPEN) return false
    this.socket.send(data)
    return true
  }

  /** Something is to come soon, as after typing; if nothing does, the connection is asked earlier than usual. */
  expectAnswer(): void {
    if (this.isOpen && !this.asked) this.pulseWithin(ECHO_MS)
  }

  /** What came makes no sense: this connection is given up, and the next one begins as after a failure. */
  giveUp(): void {
    const { socket } = this
    if (!socket) return
    this.forget()
    // A dead connection may take minutes to close: it is left to itself.
    socket.close()
    this.closed(ABNORMAL)
  }

  private readonly look = (): void => {
    clearTimeout(this.linger)
    if (document.hidden) {
      const { lingerMs = LINGER_MS } = this.options
      if (lingerMs !== Infinity) this.linger = setTimeout(() => this.letGo(), lingerMs)
    } else if (this.isOpen) {
      // Timers sleep with a hidden tab and with the machine.
      if (performance.now() >= this.pulseDue) this.pulseIsDue()
      else this.ask()
    } else if (!this.socket && !this.waiting) {
      this.connect()
    }
  }

  /** After a change of networks the old connection is dead, and nobody may say so for minutes. */
  private readonly renew = (): void => {
    if (!this.socket) return
    this.letGo()
    if (this.isWanted) this.connect()
  }

  private connect(): void {
    const { url, protocol } = this.options
    const socket = protocol === undefined ? new WebSocket(url()) : new WebSocket(url(), protocol)
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    this.pulseWithin(OPENING_MS)
    socket.onopen = () => {
      if (this.socket !== socket) return
      this.isOpen = true
      this.heard()
      this.attempts.succeeded()
      this.options.opened()
    }
    socket.onmessage = ({ data }: MessageEvent<string | ArrayBuffer>) => {
      if (this.socket !== socket) return
      this.heard()
      if (data !== this.options.pulse.question?.answer) this.options.message(data)
    }
    socket.onclose = ({ code }) => {
      if (this.socket !== socket) return
      this.forget()
      this.closed(code)
    }
  }

  private closed(code: number): void {
    const next = this.options.closed(code)
    if (next === 'over') this.stop()
    else if (this.life) void this.comeBack(next, this.life.signal)
  }

  private async comeBack(next: Next, signal: AbortSignal): Promise<void> {
    this.waiting = true
    if (next === 'when_seen') await untilVisible(signal)
    await this.attempts.next(signal)
    const goesOn = signal.aborted || (await (this.options.check?.() ?? true))
    if (signal.aborted) return
    this.waiting = false
    if (!goesOn) this.stop()
    else if (this.isWanted) this.connect()
    // Otherwise nobody misses it: the next look connects.
  }

  private get isWanted(): boolean {
    return !document.hidden || this.options.lingerMs === Infinity
  }

  private heard(): void {
    this.asked = false
    clearTimeout(this.pulse)
    this.pulseDue = Infinity
    this.pulseWithin(this.options.pulse.quietMs)
  }

  private pulseWithin(ms: number): void {
    const due = performance.now() + ms
    if (due >= this.pulseDue) return
    clearTimeout(this.pulse)
    this.pulseDue = due
    this.pulse = setTimeout(() => this.pulseIsDue(), ms)
  }

  private pulseIsDue(): void {
    const late = performance.now() - this.pulseDue
    this.pulseDue = Infinity
    if (this.isOpen && !this.asked && this.options.pulse.question) this.ask()
    // A page that was busy, or slept, hears only now what came in time.
    else if (late > LATE_MS) this.pulseWithin(LATE_MS)
    else this.giveUp()
  }

  private ask(): void {
    const { question } = this.options.pulse
    if (!question || this.asked || !this.send(question.ask)) return
    this.asked = true
    this.pulseDue = Infinity
    this.pulseWithin(ANSWER_MS)
  }

  private letGo(): void {
    const { socket } = this
    if (!socket) return
    this.forget()
    socket.close(1000)
    this.options.closed(null)
  }

  private forget(): void {
    this.socket = null
    this.isOpen = false
    this.asked = false
    clearTimeout(this.pulse)
    this.pulseDue = Infinity
  }
}
