import { afterEach, beforeEach, expect, test, vi } from 'vitest'
import { DEAD_AFTER_MS, EventSocket, parseEvent } from './eventSocket'
import type { StreamEvent } from './types'

/** The server's end of every socket that the page opened. */
class FakeWebSocket {
  static opened: FakeWebSocket[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null
  isClosed = false

  constructor(readonly url: string) {
    FakeWebSocket.opened.push(this)
  }

  close() {
    this.isClosed = true
  }

  accept() {
    this.onopen?.()
  }

  say(event: Record<string, unknown>) {
    this.onmessage?.({ data: JSON.stringify(event) })
  }
}

const target = () => Object.assign(new EventTarget(), { hidden: false })
let page: ReturnType<typeof target>
let machine: EventTarget
let events: StreamEvent[]
let lost: number
let stream: EventSocket

const last = () => {
  const socket = FakeWebSocket.opened.at(-1)
  if (!socket) throw new Error('no socket was opened')
  return socket
}

beforeEach(() => {
  vi.useFakeTimers()
  FakeWebSocket.opened = []
  events = []
  lost = 0
  page = target()
  machine = new EventTarget()
  vi.stubGlobal('WebSocket', FakeWebSocket)
  vi.stubGlobal('document', page)
  vi.stubGlobal('window', Object.assign(machine, { location: { href: 'http://class:8080/workshops' } }))
  stream = new EventSocket('/api/events', { event: (event) => events.push(event), lost: () => lost++ })
  stream.start()
})

afterEach(() => {
  stream.stop()
  vi.unstubAllGlobals()
  vi.useRealTimers()
})

test('after_a_break_it_goes_on_behind_the_last_event', async () => {
  expect(last().url).toBe('ws://class:8080/api/events')
  last().accept()
  last().say({ type: 'ended', id: 41, workshop: 'ws-1' })
  last().say({ type: 'heartbeat' })
  last().onclose?.({ code: 1006 })
  expect([stream.getState(), lost]).toEqual(['down', 1])
  await vi.advanceTimersByTimeAsync(500)
  expect(last().url).toBe('ws://class:8080/api/events?after=41')
  last().accept()
  expect(stream.getState()).toBe('live')
  expect(events.map((event) => event.type)).toEqual(['ended'])
})

test('silence_is_a_dead_connection_and_heartbeats_are_not_silence', async () => {
  last().accept()
  for (let beat = 0; beat < 10; beat++) {
    await vi.advanceTimersByTimeAsync(15_000)
    last().say({ type: 'heartbeat' })
  }
  expect(FakeWebSocket.opened).toHaveLength(1)
  await vi.advanceTimersByTimeAsync(DEAD_AFTER_MS)
  expect(stream.getState()).toBe('down')
  expect(last().isClosed).toBe(true)
  await vi.advanceTimersByTimeAsync(1000)
  expect(FakeWebSocket.opened).toHaveLength(2)
})

test('waits_grow_and_end_when_somebody_looks_or_the_network_is_back', async () => {
  for (let attempt = 0; attempt < 8; attempt++) {
    last().onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(15_000)
  }
  last().onclose?.({ code: 1006 })
  const before = FakeWebSocket.opened.length
  await vi.advanceTimersByTimeAsync(1400)
  expect(FakeWebSocket.opened).toHaveLength(before)
  page.hidden = true
  page.dispatchEvent(new Event('visibilitychange'))
  expect(FakeWebSocket.opened).toHaveLength(before)
  page.hidden = false
  page.dispatchEvent(new Event('visibilitychange'))
  await vi.advanceTimersByTimeAsync(0)
  expect(FakeWebSocket.opened).toHaveLength(before + 1)
  last().onclose?.({ code: 1006 })
  machine.dispatchEvent(new Event('online'))
  await vi.advanceTimersByTimeAsync(0)
  expect(FakeWebSocket.opened).toHaveLength(before + 2)
})

test('an_ended_stream_is_left_alone', async () => {
  last().accept()
  last().onclose?.({ code: 1000 })
  expect(stream.getState()).toBe('ended')
  await vi.advanceTimersByTimeAsync(60_000)
  machine.dispatchEvent(new Event('online'))
  expect(FakeWebSocket.opened).toHaveLength(1)
})

test('a_sign_in_that_is_over_is_found_out_at_once', async () => {
  for (let attempt = 0; attempt < 3; attempt++) {
    last().onclose?.({ code: 1006 })
    await vi.advanceTimersByTimeAsync(15_000)
  }
  expect(lost).toBe(1)
  last().onclose?.({ code: 4401 })
  expect(lost).toBe(2)
})

test('what_is_no_event_is_passed_over', () => {
  for (const data of ['', '[]', '{}', '{"type":"seat"}', 'null', new ArrayBuffer(2)]) {
    expect(parseEvent(data)).toBeNull()
  }
  expect(parseEvent('{"type":"heartbeat"}')).toEqual({ type: 'heartbeat' })
})
