import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { TerminalSocket, type Emulator, type SeatLink, type TerminalStatus } from './socket'

/** The server's end of every socket that the page opened. */
class FakeWebSocket extends EventTarget {
  static readonly OPEN = 1
  static opened: FakeWebSocket[] = []
  readyState = 0
  binaryType = ''
  readonly sent: (string | Uint8Array)[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: string | ArrayBuffer }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor(
    readonly url: string,
    readonly protocol: string,
  ) {
    super()
    FakeWebSocket.opened.push(this)
  }

  accept(fields: Record<string, unknown> = {}) {
    this.readyState = FakeWebSocket.OPEN
    this.onopen?.()
    this.text({
      type: 'attached',
      name: 'main',
      epoch: 'e1',
      offset: 0,
      replay_bytes: 0,
      resumed: false,
      cols: 80,
      rows: 24,
      mode: 'control',
      window: 262_144,
      ...fields,
    })
  }
  text(frame: unknown) {
    this.onmessage?.({ data: JSON.stringify(frame) })
  }
  bytes(length: number) {
    this.onmessage?.({ data: new ArrayBuffer(length) })
  }
  send(data: string | Uint8Array) {
    this.sent.push(data)
  }
  close(code = 1006) {
    this.readyState = 3
    this.onclose?.({ code })
  }
}

/** Draws when it is told to. */
class FakeEmulator implements Emulator {
  size = { cols: 80, rows: 24 }
  resets = 0
  private readonly waiting: (() => void)[] = []
  write(_bytes: Uint8Array, drawn: () => void) {
    this.waiting.push(drawn)
  }
  reset() {
    this.resets += 1
  }
  resize(size: { cols: number; rows: number }) {
    this.size = size
  }
  draw() {
    this.waiting.splice(0).forEach((drawn) => drawn())
  }
}

function scene(link: Partial<SeatLink> = {}, name = 'main') {
  const emulator = new FakeEmulator()
  const statuses: TerminalStatus[] = []
  const socket = new TerminalSocket(
    name,
    emulator,
    {
      url: (query) => `ws://seat/terminal?${query.toString()}`,
      mode: () => 'control',
      check: () => Promise.resolve(true),
      stillExists: () => Promise.resolve(true),
      ...link,
    },
    { status: (status) => void statuses.push(status), title: () => undefined, output: () => undefined },
  )
  return { socket, emulator, statuses }
}

function server(index = -1): FakeWebSocket {
  const socket = FakeWebSocket.opened.at(index)
  if (!socket) throw new Error('no socket was opened')
  return socket
}

const LONGER_THAN_ANY_BACKOFF_MS = 20_000

beforeEach(() => {
  vi.useFakeTimers()
  FakeWebSocket.opened = []
  vi.stubGlobal('WebSocket', FakeWebSocket)
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('document', Object.assign(new EventTarget(), { hidden: false }))
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('a terminal’s socket', () => {
  it('speaks_the_subprotocol_and_asks_for_its_terminal', () => {
    scene()
    expect(server()).toMatchObject({
      url: 'ws://seat/terminal?name=main&cols=80&rows=24',
      protocol: 'clarateach.terminal.v1',
      binaryType: 'arraybuffer',
    })
  })

  it('acknowledges_within_100_ms_of_drawing_and_not_before', async () => {
    const { emulator } = scene()
    server().accept()
    server().bytes(10)
    await vi.advanceTimersByTimeAsync(1000)
    expect(server().sent).toEqual([])
    emulator.draw()
    await vi.advanceTimersByTimeAsync(100)
    expect(server().sent).toEqual(['{"type":"ack","offset":10}'])
  })

  it('acknowledges_64_kib_at_once', () => {
    const { emulator } = scene()
    server().accept()
    server().bytes(64 * 1024)
    emulator.draw()
    expect(server().sent).toEqual(['{"type":"ack","offset":65536}'])
  })

  it('comes_back_and_goes_on_where_it_was', async () => {
    const { statuses, emulator } = scene()
    server().accept()
    server().bytes(42)
    server().close()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
    expect(server().url).toContain('epoch=e1&offset=42')
    server().accept({ resumed: true, offset: 42 })
    expect(emulator.resets).toBe(1)
    expect(statuses.map((status) => status.state)).toEqual(['attached', 'reconnecting', 'attached'])
  })

  it('stays_away_when_the_way_into_the_seat_has_ended', async () => {
    scene({ check: () => Promise.resolve(false) })
    server().accept()
    server().close()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
  })

  it('asks_the_seat_before_every_attempt', async () => {
    const check = vi.fn(() => Promise.resolve(true))
    scene({ check })
    for (let attempt = 1; attempt <= 3; attempt++) {
      server().close()
      await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
      expect(check).toHaveBeenCalledTimes(attempt)
    }
  })

  it('is_over_when_the_shell_exits_and_starts_a_new_one_on_request', async () => {
    const { socket, statuses } = scene()
    server().accept()
    server().text({ type: 'exited', code: 3 })
    server().close(4404)
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(statuses.at(-1)).toEqual({ state: 'exited', code: 3 })
    expect(FakeWebSocket.opened).toHaveLength(1)
    socket.restart()
    expect(server().url).not.toContain('epoch')
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('is_gone_when_a_named_terminal_is_refused_and_no_longer_listed', async () => {
    const { statuses } = scene({ stillExists: () => Promise.resolve(false) }, 'term-2')
    server().close()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(statuses.at(-1)).toEqual({ state: 'gone' })
  })

  it('waits_for_somebody_to_look_after_it_was_too_slow', async () => {
    const page = Object.assign(new EventTarget(), { hidden: true })
    vi.stubGlobal('document', page)
    scene()
    server().accept()
    server().close(4408)
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
    page.hidden = false
    page.dispatchEvent(new Event('visibilitychange'))
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('attaches_anew_after_a_violation', async () => {
    scene()
    server().accept({ offset: 7 })
    server().text('not a frame')
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
    expect(server().url).not.toContain('epoch')
  })

  it('drops_what_is_typed_while_detached_or_replaying', () => {
    const { socket, emulator } = scene()
    const typed = new TextEncoder().encode('ls')
    socket.input(typed)
    server().accept({ replay_bytes: 5 })
    socket.input(typed)
    expect(server().sent).toEqual([])
    server().bytes(5)
    socket.input(typed)
    expect(server().sent).toEqual([])
    emulator.draw()
    socket.input(typed)
    expect(server().sent).toEqual([typed])
  })

  it('leaves_the_size_to_others_when_it_may_only_watch', () => {
    const { socket, emulator } = scene({ mode: () => 'view' })
    server().accept({ cols: 100, rows: 40, mode: 'view' })
    socket.fit({ cols: 30, rows: 10 })
    expect(server().sent).toEqual([])
    expect(emulator.size).toEqual({ cols: 100, rows: 40 })
  })

  it('takes_the_size_that_the_terminal_has_not_the_one_of_its_panel', () => {
    const { socket, emulator } = scene()
    server().accept({ cols: 100, rows: 40 })
    socket.fit({ cols: 30, rows: 10 })
    expect(server().sent).toEqual(['{"type":"resize","cols":30,"rows":10}'])
    expect(emulator.size).toEqual({ cols: 100, rows: 40 })
    server().text({ type: 'resized', cols: 30, rows: 10 })
    expect(emulator.size).toEqual({ cols: 30, rows: 10 })
  })

  it('finds_out_after_typing_that_the_connection_is_dead_and_attaches_anew', async () => {
    const { socket, statuses } = scene()
    server().accept()
    socket.input(new TextEncoder().encode('ls'))
    await vi.advanceTimersByTimeAsync(3_000)
    expect(server().sent.at(-1)).toBe('{"type":"ping"}')
    await vi.advanceTimersByTimeAsync(6_000)
    expect(FakeWebSocket.opened).toHaveLength(2)
    expect(server().url).toContain('epoch=e1&offset=0')
    expect(statuses.map((status) => status.state)).toEqual(['attached', 'reconnecting'])
  })

  it('keeps_a_connection_whose_program_says_nothing', async () => {
    const { socket, statuses } = scene()
    server().accept()
    for (let key = 0; key < 20; key++) {
      socket.input(new TextEncoder().encode('x'))
      await vi.advanceTimersByTimeAsync(3_000)
      server().text({ type: 'pong' })
    }
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(statuses.map((status) => status.state)).toEqual(['attached'])
  })

  it('stays_while_nobody_looks', async () => {
    const page = Object.assign(new EventTarget(), { hidden: false })
    vi.stubGlobal('document', page)
    scene()
    server().accept()
    page.hidden = true
    page.dispatchEvent(new Event('visibilitychange'))
    for (let minute = 0; minute < 10; minute++) {
      await vi.advanceTimersByTimeAsync(15_000)
      server().text({ type: 'pong' })
    }
    expect(FakeWebSocket.opened).toHaveLength(1)
  })

  it('is_silent_once_disposed', async () => {
    const { socket, statuses } = scene()
    server().accept()
    socket.dispose()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(statuses.map((status) => status.state)).toEqual(['attached'])
  })
})
