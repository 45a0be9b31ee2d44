import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { LiveSocket } from './liveSocket'

class FakeWebSocket {
  static opened: FakeWebSocket[] = []
  closed = false
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: (() => void) | null = null

  constructor(readonly url: string) {
    FakeWebSocket.opened.push(this)
  }
  close() {
    this.closed = true
  }
}

const LONGER_THAN_ANY_BACKOFF_MS = 20_000
let page: EventTarget & { hidden: boolean }

function scene(check = () => Promise.resolve(true)) {
  const states: boolean[] = []
  const messages: string[] = []
  const socket = new LiveSocket({
    url: () => 'ws://seat/files-events',
    check,
    message: (data) => void messages.push(data),
    connected: (up) => void states.push(up),
  })
  return { socket, states, messages }
}

function last(): FakeWebSocket {
  const socket = FakeWebSocket.opened.at(-1)
  if (!socket) throw new Error('no socket was opened')
  return socket
}

function show(visible: boolean) {
  page.hidden = !visible
  page.dispatchEvent(new Event('visibilitychange'))
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeWebSocket.opened = []
  page = Object.assign(new EventTarget(), { hidden: false })
  vi.stubGlobal('WebSocket', FakeWebSocket)
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('document', page)
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a live socket', () => {
  it('comes_back_after_it_was_closed', async () => {
    const { states, messages } = scene()
    last().onopen?.()
    last().onmessage?.({ data: 'one' })
    last().onclose?.()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
    last().onopen?.()
    expect(states).toEqual([true, false, true])
    expect(messages).toEqual(['one'])
  })

  it('waits_longer_after_every_failure_in_a_row', async () => {
    scene()
    for (let failure = 0; failure < 6; failure++) {
      last().onclose?.()
      await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    }
    const before = FakeWebSocket.opened.length
    last().onclose?.()
    await vi.advanceTimersByTimeAsync(5_000)
    expect(FakeWebSocket.opened).toHaveLength(before)
  })

  it('stays_away_when_the_way_in_has_ended', async () => {
    scene(() => Promise.resolve(false))
    last().onclose?.()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
  })

  it('lets_go_a_minute_after_nobody_looks_and_comes_back_at_once_when_somebody_does', async () => {
    const { states } = scene()
    last().onopen?.()
    show(false)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(last().closed).toBe(false)
    await vi.advanceTimersByTimeAsync(40_000)
    expect(last().closed).toBe(true)
    expect(states).toEqual([true, false])
    show(true)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('stays_when_somebody_looks_again_soon', async () => {
    scene()
    last().onopen?.()
    show(false)
    await vi.advanceTimersByTimeAsync(30_000)
    show(true)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(last().closed).toBe(false)
  })

  it('does_not_trust_a_connection_from_before_the_network_was_gone', () => {
    const { states } = scene()
    last().onopen?.()
    window.dispatchEvent(new Event('online'))
    expect(FakeWebSocket.opened).toHaveLength(2)
    expect(FakeWebSocket.opened[0]?.closed).toBe(true)
    expect(states).toEqual([true, false])
  })

  it('does_not_connect_while_hidden', async () => {
    page.hidden = true
    scene()
    expect(FakeWebSocket.opened).toHaveLength(0)
    show(true)
    expect(FakeWebSocket.opened).toHaveLength(1)
  })

  it('is_silent_once_disposed', async () => {
    const { socket, states } = scene()
    last().onopen?.()
    socket.dispose()
    last().onclose?.()
    show(true)
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(states).toEqual([true, false])
  })
})
