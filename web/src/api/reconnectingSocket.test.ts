import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ReconnectingSocket, SEAT_PULSE, type Next, type ReconnectingOptions } from './reconnectingSocket'

/** The server's end of every socket that the page opened. */
class FakeWebSocket {
  static readonly OPEN = 1
  static opened: FakeWebSocket[] = []
  readyState = 0
  closed = false
  readonly sent: unknown[] = []
  onopen: (() => void) | null = null
  onmessage: ((event: { data: unknown }) => void) | null = null
  onclose: ((event: { code: number }) => void) | null = null

  constructor(readonly url: string) {
    FakeWebSocket.opened.push(this)
  }
  send(data: unknown) {
    this.sent.push(data)
  }
  close() {
    this.closed = true
  }
  accept() {
    this.readyState = FakeWebSocket.OPEN
    this.onopen?.()
  }
  say(data: string) {
    this.onmessage?.({ data })
  }
  end(code = 1006) {
    this.readyState = 3
    this.onclose?.({ code })
  }
}

const LONGER_THAN_ANY_BACKOFF_MS = 20_000
const PING = '{"type":"ping"}'
const PONG = '{"type":"pong"}'
let page: EventTarget & { hidden: boolean }

function scene(options: Partial<ReconnectingOptions> = {}, next: Next = 'again') {
  const states: (true | number | null)[] = []
  const messages: unknown[] = []
  const socket = new ReconnectingSocket({
    url: () => 'ws://seat/files-events',
    pulse: { quietMs: Infinity },
    opened: () => void states.push(true),
    message: (data) => void messages.push(data),
    closed: (code) => {
      states.push(code)
      return next
    },
    ...options,
  })
  socket.start()
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

describe('a socket that comes back', () => {
  it('comes_back_after_it_was_closed', async () => {
    const { states, messages } = scene()
    last().accept()
    last().say('one')
    last().end()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
    last().accept()
    expect(states).toEqual([true, 1006, true])
    expect(messages).toEqual(['one'])
  })

  it('waits_longer_after_every_failure_in_a_row', async () => {
    scene()
    for (let failure = 0; failure < 6; failure++) {
      last().end()
      await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    }
    const before = FakeWebSocket.opened.length
    last().end()
    await vi.advanceTimersByTimeAsync(1_400)
    expect(FakeWebSocket.opened).toHaveLength(before)
  })

  it.each([
    ['somebody_looks_again', () => show(true)],
    ['the_network_is_back', () => window.dispatchEvent(new Event('online'))],
  ])('waits_no_longer_once_%s', async (_, happen) => {
    scene()
    for (let failure = 0; failure < 6; failure++) {
      last().end()
      await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    }
    const before = FakeWebSocket.opened.length
    last().end()
    happen()
    await vi.advanceTimersByTimeAsync(0)
    expect(FakeWebSocket.opened).toHaveLength(before + 1)
  })

  it('asks_before_every_attempt_and_stays_away_for_good_when_the_way_in_has_ended', async () => {
    const answers = [true, false]
    scene({ check: () => Promise.resolve(answers.shift() ?? true) })
    last().end()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
    last().end()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    show(true)
    window.dispatchEvent(new Event('online'))
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('is_over_when_its_owner_says_so', async () => {
    const { socket } = scene({}, 'over')
    last().accept()
    last().end(1000)
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    show(true)
    expect(FakeWebSocket.opened).toHaveLength(1)
    socket.start()
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('is_silent_once_stopped', async () => {
    const { socket, states } = scene()
    last().accept()
    socket.stop()
    last().end()
    show(true)
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(states).toEqual([true, null])
  })

  it('does_not_go_on_under_an_old_life_after_stop_and_start', async () => {
    const { socket } = scene()
    last().end()
    socket.stop()
    socket.start()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })
})

describe('while nobody looks', () => {
  it('lets_go_after_a_minute_and_comes_back_at_once_when_somebody_does', async () => {
    const { states } = scene()
    last().accept()
    show(false)
    await vi.advanceTimersByTimeAsync(30_000)
    expect(last().closed).toBe(false)
    await vi.advanceTimersByTimeAsync(40_000)
    expect(last().closed).toBe(true)
    expect(states).toEqual([true, null])
    show(true)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('stays_when_somebody_looks_again_soon', async () => {
    scene()
    last().accept()
    show(false)
    await vi.advanceTimersByTimeAsync(30_000)
    show(true)
    await vi.advanceTimersByTimeAsync(120_000)
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(last().closed).toBe(false)
  })

  it('does_not_connect', async () => {
    page.hidden = true
    scene()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(0)
    show(true)
    expect(FakeWebSocket.opened).toHaveLength(1)
  })

  it('stays_and_comes_back_where_it_is_to_linger_for_ever', async () => {
    scene({ lingerMs: Infinity })
    last().accept()
    show(false)
    await vi.advanceTimersByTimeAsync(600_000)
    expect(last().closed).toBe(false)
    last().end()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('waits_for_a_look_when_its_owner_says_so', async () => {
    scene({ lingerMs: Infinity }, 'when_seen')
    last().accept()
    show(false)
    last().end()
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(1)
    show(true)
    await vi.advanceTimersByTimeAsync(LONGER_THAN_ANY_BACKOFF_MS)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })
})

describe('a connection that died without a word', () => {
  const pulse = SEAT_PULSE

  it('is_found_by_a_question_when_it_was_quiet_for_long', async () => {
    const { states } = scene({ pulse })
    last().accept()
    await vi.advanceTimersByTimeAsync(14_000)
    expect(last().sent).toEqual([])
    await vi.advanceTimersByTimeAsync(1_000)
    expect(last().sent).toEqual([PING])
    await vi.advanceTimersByTimeAsync(4_000)
    expect(last().closed).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(last().closed).toBe(true)
    expect(states).toEqual([true, 1006])
    await vi.advanceTimersByTimeAsync(500)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('is_not_one_that_answers_and_the_answer_is_for_nobody', async () => {
    const { messages } = scene({ pulse })
    last().accept()
    for (let round = 0; round < 20; round++) {
      await vi.advanceTimersByTimeAsync(15_000)
      last().say(PONG)
    }
    expect(last().sent).toHaveLength(20)
    expect(FakeWebSocket.opened).toHaveLength(1)
    expect(messages).toEqual([])
  })

  it('is_not_one_on_which_anything_comes', async () => {
    scene({ pulse })
    last().accept()
    for (let round = 0; round < 20; round++) {
      await vi.advanceTimersByTimeAsync(14_000)
      last().say('news')
    }
    expect(last().sent).toEqual([])
  })

  it('is_asked_sooner_when_something_is_to_come_and_does_not', async () => {
    const { socket } = scene({ pulse })
    last().accept()
    socket.expectAnswer()
    await vi.advanceTimersByTimeAsync(1_000)
    socket.expectAnswer()
    last().say('echo')
    await vi.advanceTimersByTimeAsync(5_000)
    expect(last().sent).toEqual([])
    socket.expectAnswer()
    await vi.advanceTimersByTimeAsync(2_000)
    socket.expectAnswer()
    await vi.advanceTimersByTimeAsync(1_000)
    expect(last().sent).toEqual([PING])
    await vi.advanceTimersByTimeAsync(5_000)
    expect(last().closed).toBe(true)
  })

  it('is_asked_when_somebody_looks_again', async () => {
    scene({ pulse })
    last().accept()
    show(false)
    await vi.advanceTimersByTimeAsync(1_000)
    show(true)
    expect(last().sent).toEqual([PING])
  })

  it('is_not_trusted_after_the_network_was_gone', () => {
    const { states } = scene()
    last().accept()
    window.dispatchEvent(new Event('online'))
    expect(FakeWebSocket.opened).toHaveLength(2)
    expect(FakeWebSocket.opened[0]?.closed).toBe(true)
    expect(states).toEqual([true, null])
  })

  it('is_any_that_is_quiet_where_there_is_nothing_to_ask', async () => {
    scene({ pulse: { quietMs: 40_000 } })
    last().accept()
    await vi.advanceTimersByTimeAsync(39_000)
    expect(last().closed).toBe(false)
    await vi.advanceTimersByTimeAsync(1_000)
    expect(last().closed).toBe(true)
  })

  it('may_be_one_that_never_opened', async () => {
    scene({ pulse })
    await vi.advanceTimersByTimeAsync(21_000)
    expect(FakeWebSocket.opened).toHaveLength(2)
  })

  it('gives_a_page_that_slept_a_moment_to_hear_what_came_meanwhile', async () => {
    scene({ pulse })
    last().accept()
    await vi.advanceTimersByTimeAsync(15_000)
    const sleep = vi.spyOn(performance, 'now').mockReturnValue(performance.now() + 3_600_000)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(last().closed).toBe(false)
    sleep.mockRestore()
    last().say(PONG)
    await vi.advanceTimersByTimeAsync(5_000)
    expect(FakeWebSocket.opened).toHaveLength(1)
  })
})
