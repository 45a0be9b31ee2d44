// A page's one stream of events: a WebSocket that comes back by itself and goes on behind the last event that it saw. It
// knows nothing of what events mean; `events.ts` does.

import { backoffDelay } from './backoff'
import { isRecord } from './client'
import type { StreamEvent } from './types'

/** Nothing for this long, not even a heartbeat (every 15 s): the connection is dead although nobody said so. */
export const DEAD_AFTER_MS = 40_000
/** A connection that lived this long was a good one: the next failure starts counting anew. */
const STABLE_MS = 10_000

const ENDED = 1000
const SIGNED_OUT = 4401

/** `down` is what a page says something about: it was tried, and there is no connection. */
export type StreamState = 'connecting' | 'live' | 'down' | 'ended'

export class EventSocket {
  private state: StreamState = 'connecting'
  private readonly listeners = new Set<() => void>()
  private socket: WebSocket | null = null
  private timer: ReturnType<typeof setTimeout> | undefined
  private lastId: number | null = null
  private attempt = 0
  private openedAt = 0
  private heardAt = 0
  private running = false

  constructor(
    private readonly path: string,
    private readonly tell: {
      event: (event: StreamEvent) => void
      /** The stream broke off; why is for a call to find out. */
      lost: () => void
    },
  ) {}

  getState = (): StreamState => this.state

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  start(): void {
    if (this.running) return
    this.running = true
    window.addEventListener('online', this.hurry)
    document.addEventListener('visibilitychange', this.hurry)
    this.connect()
  }

  stop(): void {
    this.running = false
    window.removeEventListener('online', this.hurry)
    document.removeEventListener('visibilitychange', this.hurry)
    clearTimeout(this.timer)
    const { socket } = this
    this.socket = null
    socket?.close(1000)
    this.set('connecting')
  }

  private connect(): void {
    const url = new URL(this.path, window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    if (this.lastId !== null) url.searchParams.set('after', String(this.lastId))
    const socket = new WebSocket(url.href)
    this.socket = socket
    this.expectLife()
    socket.onopen = () => {
      if (this.socket !== socket) return
      this.openedAt = performance.now()
      this.expectLife()
      this.set('live')
    }
    socket.onmessage = ({ data }: MessageEvent<unknown>) => {
      if (this.socket !== socket) return
      this.expectLife()
      const event = parseEvent(data)
      if (event === null || event.type === 'heartbeat') return
      this.lastId = event.id
      this.tell.event(event)
    }
    socket.onclose = ({ code }) => {
      if (this.socket === socket) this.closed(code)
    }
  }

  private closed(code: number): void {
    clearTimeout(this.timer)
    this.socket = null
    if (this.state === 'live' && performance.now() - this.openedAt > STABLE_MS) this.attempt = 0
    if (code === ENDED) {
      this.set('ended')
      return
    }
    this.set('down')
    if (code === SIGNED_OUT || this.attempt === 0) this.tell.lost()
    this.timer = setTimeout(() => this.connect(), backoffDelay(this.attempt++))
  }

  /** Somebody looks, or the network is back: no reason to wait any longer. */
  private hurry = (): void => {
    if (!this.running || document.hidden || this.state === 'ended') return
    if (this.socket === null) {
      clearTimeout(this.timer)
      this.connect()
    } else if (performance.now() - this.heardAt > DEAD_AFTER_MS) {
      // Timers sleep with a hidden tab and with the machine.
      this.giveUp()
    }
  }

  private expectLife(): void {
    this.heardAt = performance.now()
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.giveUp(), DEAD_AFTER_MS)
  }

  private giveUp(): void {
    const { socket } = this
    // A dead connection may take minutes to close: it is left to itself.
    this.socket = null
    socket?.close()
    this.closed(1006)
  }

  private set(state: StreamState): void {
    if (state === this.state) return
    this.state = state
    this.listeners.forEach((listener) => listener())
  }
}

/** From our own server, so only what would break the page is checked. */
export function parseEvent(data: unknown): StreamEvent | null {
  if (typeof data !== 'string') return null
  try {
    const value: unknown = JSON.parse(data)
    if (!isRecord(value) || typeof value['type'] !== 'string') return null
    if (value['type'] !== 'heartbeat' && typeof value['id'] !== 'number') return null
    return value as StreamEvent
  } catch {
    return null
  }
}
