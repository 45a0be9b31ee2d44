// One WebSocket of text messages that comes back after every failure, with back-off and jitter, for as long as somebody
// looks at the page and a little longer. It knows neither what is said nor who listens.

import { Attempts } from './backoff'

/** Whoever looks away for less than this finds everything as it is. */
const LINGER_MS = 60_000

export interface LiveSocketOptions {
  url(): string
  /** Asked before every further attempt; `false` when this page's way in has ended. */
  check(): Promise<boolean>
  message(data: string): void
  /** `false` as soon as nothing more can come; what is missed until the next first message is for the caller to fetch. */
  connected(up: boolean): void
}

export class LiveSocket {
  private readonly life = new AbortController()
  private readonly attempts = new Attempts()
  private socket: WebSocket | null = null
  private waiting = false
  private linger: ReturnType<typeof setTimeout> | undefined

  constructor(private readonly options: LiveSocketOptions) {
    document.addEventListener('visibilitychange', this.look)
    window.addEventListener('online', this.renew)
    if (!document.hidden) this.connect()
  }

  dispose(): void {
    document.removeEventListener('visibilitychange', this.look)
    window.removeEventListener('online', this.renew)
    this.life.abort()
    this.disconnect()
  }

  private readonly look = (): void => {
    clearTimeout(this.linger)
    if (document.hidden) this.linger = setTimeout(() => this.disconnect(), LINGER_MS)
    else if (!this.socket && !this.waiting) this.connect()
  }

  /** After a change of networks, or a sleep, the old connection is dead, and nobody may say so for minutes. */
  private readonly renew = (): void => {
    if (!this.socket) return
    this.disconnect()
    if (!document.hidden) this.connect()
  }

  private connect(): void {
    const socket = new WebSocket(this.options.url())
    this.socket = socket
    socket.onopen = () => {
      if (this.socket !== socket) return
      this.attempts.succeeded()
      this.options.connected(true)
    }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (this.socket === socket && typeof data === 'string') this.options.message(data)
    }
    socket.onclose = () => {
      if (this.socket === socket) void this.closed()
    }
  }

  private async closed(): Promise<void> {
    this.socket = null
    this.options.connected(false)
    this.waiting = true
    await this.attempts.next(this.life.signal)
    const goesOn = !this.life.signal.aborted && (await this.options.check())
    this.waiting = false
    // While hidden nobody misses it: the next look connects.
    if (goesOn && !this.life.signal.aborted && !document.hidden) this.connect()
  }

  private disconnect(): void {
    clearTimeout(this.linger)
    const { socket } = this
    this.socket = null
    if (!socket) return
    socket.close(1000)
    this.options.connected(false)
  }
}
