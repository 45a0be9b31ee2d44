import { describe, expect, it } from 'vitest'
import { ACK_BYTES, TerminalProtocol, type Effect, type Mark } from './protocol'

const SIZE = { cols: 120, rows: 30 }

function attachedFrame(fields: Record<string, unknown> = {}): string {
  return JSON.stringify({
    type: 'attached',
    name: 'main',
    epoch: 'e1',
    offset: 0,
    replay_bytes: 0,
    resumed: false,
    mode: 'control',
    window: 262_144,
    ...SIZE,
    ...fields,
  })
}

function attach(protocol: TerminalProtocol, fields: Record<string, unknown> = {}): Effect[] {
  protocol.opened()
  return protocol.text(attachedFrame(fields))
}

function bytes(length: number): Uint8Array {
  return new Uint8Array(length).fill(120)
}

function marks(effects: Effect[]): Mark[] {
  return effects.flatMap((effect) => (effect.type === 'write' ? [effect.mark] : []))
}

function draw(protocol: TerminalProtocol, effects: Effect[]): void {
  marks(effects).forEach((mark) => protocol.drawn(mark))
}

describe('attaching', () => {
  it('asks_for_a_name_and_a_size_only_the_first_time', () => {
    const query = new TerminalProtocol('main').query(SIZE, 'control')
    expect(query.toString()).toBe('name=main&cols=120&rows=30')
  })

  it('asks_for_view_when_it_may_only_watch', () => {
    expect(new TerminalProtocol('main').query(SIZE, 'view').get('mode')).toBe('view')
  })

  it('resets_the_emulator_unless_resumed', () => {
    const protocol = new TerminalProtocol('main')
    expect(attach(protocol).map((effect) => effect.type)).toEqual(['reset', 'resize', 'attached'])
    protocol.closed()
    expect(attach(protocol, { resumed: true }).map((effect) => effect.type)).toEqual(['resize', 'attached'])
  })

  it('goes_on_where_it_was_after_a_closed_socket', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 1000 })
    protocol.binary(bytes(234))
    protocol.closed()
    const query = protocol.query(SIZE, 'control')
    expect([query.get('epoch'), query.get('offset')]).toEqual(['e1', '1234'])
  })

  it('keeps_its_place_when_a_socket_closes_before_it_attached', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 7 })
    protocol.closed()
    protocol.opened()
    protocol.closed()
    expect(protocol.query(SIZE, 'control').get('offset')).toBe('7')
  })

  it('asks_for_a_new_replay_when_one_was_cut_off', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { replay_bytes: 100 })
    protocol.binary(bytes(60))
    protocol.closed()
    expect(protocol.query(SIZE, 'control').has('epoch')).toBe(false)
  })

  it('starts_from_nothing_after_forget', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 9 })
    protocol.closed()
    protocol.forget()
    expect(protocol.query(SIZE, 'control').has('offset')).toBe(false)
  })
})

describe('what breaks the protocol', () => {
  const cases: [string, (protocol: TerminalProtocol) => Effect[]][] = [
    ['bytes before attached', (protocol) => protocol.binary(bytes(1))],
    ['another frame before attached', (protocol) => protocol.text('{"type":"title","title":"x"}')],
    ['text that is not JSON', (protocol) => protocol.text('hello')],
    ['text that is not an object', (protocol) => protocol.text('[1]')],
    ['attached without an offset', (protocol) => protocol.text(attachedFrame({ offset: undefined }))],
    ['a negative replay', (protocol) => protocol.text(attachedFrame({ replay_bytes: -1 }))],
    ['an absurd size', (protocol) => protocol.text(attachedFrame({ cols: 1_000_000 }))],
    ['resumed without having been asked', (protocol) => protocol.text(attachedFrame({ resumed: true }))],
  ]
  it.each(cases)('%s', (_, act) => {
    const protocol = new TerminalProtocol('main')
    protocol.opened()
    expect(act(protocol).map((effect) => effect.type)).toEqual(['violation'])
  })

  it('a_second_attached', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol)
    expect(protocol.text(attachedFrame())[0]?.type).toBe('violation')
  })

  it('frames_it_does_not_know_are_ignored', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol)
    expect(protocol.text('{"type":"sparkles"}')).toEqual([])
  })
})

describe('replay and counting', () => {
  it('counts_only_what_follows_the_replay_even_inside_one_frame', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 500, replay_bytes: 10 })
    const effects = [...protocol.binary(bytes(4)), ...protocol.binary(bytes(9))]
    expect(effects.map((effect) => (effect.type === 'write' ? effect.bytes.length : 0))).toEqual([4, 6, 3])
    expect(marks(effects).map((mark) => mark.position)).toEqual([null, null, 503])
  })

  it('lasts_until_the_replay_is_drawn', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { replay_bytes: 10 })
    const effects = protocol.binary(bytes(10))
    expect(protocol.isReplaying).toBe(true)
    draw(protocol, effects)
    expect(protocol.isReplaying).toBe(false)
  })

  it('never_acknowledges_replayed_bytes', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 500, replay_bytes: 100_000 })
    draw(protocol, protocol.binary(bytes(100_000)))
    expect(protocol.takeAck()).toBeNull()
  })
})

describe('acknowledging', () => {
  it('acknowledges_what_was_drawn_once_and_not_what_was_received', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 10 })
    const first = protocol.binary(bytes(5))
    protocol.binary(bytes(7))
    expect(protocol.takeAck()).toBeNull()
    draw(protocol, first)
    expect(protocol.takeAck()).toBe('{"type":"ack","offset":15}')
    expect(protocol.takeAck()).toBeNull()
  })

  it('is_due_at_64_kib', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol)
    draw(protocol, protocol.binary(bytes(ACK_BYTES - 1)))
    expect([protocol.ackIsOwed, protocol.ackIsDue]).toEqual([true, false])
    draw(protocol, protocol.binary(bytes(1)))
    expect(protocol.ackIsDue).toBe(true)
  })

  it('is_due_earlier_in_a_small_window', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { window: 4096 })
    draw(protocol, protocol.binary(bytes(1024)))
    expect(protocol.ackIsDue).toBe(true)
  })

  it('ignores_what_an_older_socket_drew', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol, { offset: 1_000_000 })
    const late = protocol.binary(bytes(50))
    protocol.closed()
    attach(protocol, { epoch: 'e2', offset: 3 })
    draw(protocol, late)
    expect(protocol.takeAck()).toBeNull()
  })
})

describe('sizes', () => {
  it('tells_a_size_once', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol)
    expect(protocol.requestSize(SIZE)).toBeNull()
    expect(protocol.requestSize({ cols: 80, rows: 24 })).toBe('{"type":"resize","cols":80,"rows":24}')
    expect(protocol.requestSize({ cols: 80, rows: 24 })).toBeNull()
  })

  it('follows_a_size_that_another_client_chose', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol)
    const effects = protocol.text('{"type":"resized","cols":90,"rows":20}')
    expect(effects).toEqual([{ type: 'resize', size: { cols: 90, rows: 20 } }])
  })

  it('tells_its_own_size_whatever_size_the_terminal_has', () => {
    const protocol = new TerminalProtocol('main')
    protocol.query(SIZE, 'control')
    attach(protocol, { cols: 90, rows: 20 })
    expect(protocol.requestSize(SIZE)).toBeNull()
    expect(protocol.text('{"type":"resized","cols":91,"rows":21}')).toHaveLength(1)
    expect(protocol.requestSize(SIZE)).toBeNull()
    expect(protocol.requestSize({ cols: 91, rows: 21 })).toBe('{"type":"resize","cols":91,"rows":21}')
  })

  it('asks_for_nothing_while_detached', () => {
    expect(new TerminalProtocol('main').requestSize(SIZE)).toBeNull()
  })
})

describe('the rest', () => {
  it('tells_titles_and_exits', () => {
    const protocol = new TerminalProtocol('main')
    attach(protocol)
    expect(protocol.text('{"type":"title","title":"vim"}')).toEqual([{ type: 'title', title: 'vim' }])
    expect(protocol.text('{"type":"exited","code":3}')).toEqual([{ type: 'exited', code: 3 }])
  })
})
