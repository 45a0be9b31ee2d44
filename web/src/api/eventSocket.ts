// A page's one stream of events: a WebSocket that comes back by itself and goes on behind the last event that it saw. It
// knows nothing of what events mean; `events.ts` does.

import { isRecord } from './client'
import { ReconnectingSocket, type Next } from './reconnectingSocket'
import type { StreamEvent } from './types'

/** Nothing for this long, not even a heartbeat (every 15 s): the connection is dead although nobody said so. */
export const DEAD_AFTER_MS = 40_000

const ENDED = 1000
const SIGNED_OUT = 4401

/** `down` is what a page says something about: it was tried, and there is no connection. */
export type StreamState = 'connecting' | 'live' | 'down' | 'ended'

export class EventSocket {
  private state: StreamState = 'connecting'
  private readonly listeners = new Set<() => void>()
  private readonly connection: ReconnectingSocket
  private lastId: number | null = null

  constructor(
    private readonly path: string,
    private readonly tell: {
      event: (event: StreamEvent) => void
      /** The stream broke off; why is for a call to find out. */
      lost: () => void
    },
  ) {
    this.connection = new ReconnectingSocket({
      url: () => this.url(),
      pulse: { quietMs: DEAD_AFTER_MS },
      opened: () => this.set('live'),
      message: (data) => this.heard(data),
      closed: (code) => this.closed(code),
    })
  }

  getState = (): StreamState => this.state

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  start(): void {
    this.connection.start()
  }

  stop(): void {
    this.connection.stop()
    this.set('connecting')
  }

  private url(): string {
    const url = new URL(this.path, window.location.href)
    url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
    if (this.lastId !== null) url.searchParams.set('after', String(this.lastId))
    return url.href
  }

  private heard(data: string | ArrayBuffer): void {
    const event = parseEvent(data)
    if (event === null || event.type === 'heartbeat') return
    this.lastId = event.id
    this.tell.event(event)
  }

  private closed(code: number | null): Next {
    if (code === ENDED) {
      this.set('ended')
      return 'over'
    }
    const wasKnown = this.state === 'down'
    this.set(code === null ? 'connecting' : 'down')
    if (code === SIGNED_OUT || (code !== null && !wasKnown)) this.tell.lost()
    return 'again'
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
