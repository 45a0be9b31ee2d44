import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../../api/client'
import type { SeatSessionAnswer } from '../../api/seat'
import { SeatSession, type SeatCalls, type SeatState } from './seatSession'

const NOW = Date.parse('2026-11-22T08:00:00Z')

function answer(generation = 1, expiresAt = '2026-11-22T20:00:00Z', endsAt: string | null = null): SeatSessionAnswer {
  const end = endsAt === null ? null : ({ at: endsAt, cause: 'time' } as const)
  return { mode: 'control', generation, expires_at: expiresAt, end }
}

function refusal(status: number, code: string, retryAfter?: number): ApiError {
  return new ApiError(code, `said ${code}`, status, retryAfter === undefined ? {} : { retryAfter })
}

/** A seat that answers by script; an Error in the script is thrown, and after the script it is silent. */
function scene(script: Partial<Record<'check' | 'renew' | 'enterAgain', (SeatSessionAnswer | Error)[]>>) {
  const waits: number[] = []
  const asked: string[] = []
  const play = (name: 'check' | 'renew' | 'enterAgain') => async () => {
    asked.push(name)
    const next = script[name]?.shift()
    // Asked once too often: an error would be asked about for ever, and this clock has no time that could run out.
    if (next === undefined) return new Promise<never>(() => undefined)
    if (next instanceof Error) throw next
    return next
  }
  const calls: SeatCalls = {
    check: play('check'),
    renew: play('renew'),
    enterAgain: play('enterAgain'),
    wait: async (ms) => void waits.push(ms),
    now: () => NOW,
  }
  const session = new SeatSession(calls)
  const seen: SeatState[] = []
  session.subscribe(() => seen.push(session.getState()))
  return { session, seen, waits, asked }
}

afterEach(() => vi.useRealTimers())

describe('a seat session', () => {
  it('is_ready_when_the_seat_says_so', async () => {
    const { session } = scene({ check: [answer(3)] })
    expect(await session.check()).toBe(true)
    expect(session.getState()).toEqual({ phase: 'ready', mode: 'control', generation: 3, end: null })
    session.stop()
  })

  it('asks_once_however_many_terminals_lost_their_socket', async () => {
    const { session, asked } = scene({ check: [answer()] })
    expect(await Promise.all([session.check(), session.check(), session.check()])).toEqual([true, true, true])
    expect(asked).toEqual(['check'])
    session.stop()
  })

  it('waits_as_long_as_a_recovering_seat_asks_for', async () => {
    const { session, waits, seen } = scene({ check: [refusal(503, 'seat_unavailable', 7), answer()] })
    expect(await session.check()).toBe(true)
    expect(waits).toEqual([7000])
    expect(seen[0]).toEqual({ phase: 'waiting', why: 'recovering', message: 'said seat_unavailable' })
    session.stop()
  })

  it('stays_while_its_seat_is_locked_and_is_back_once_it_is_open', async () => {
    const locked = refusal(423, 'seat_locked', 2)
    const { session, waits, seen, asked } = scene({ check: [locked, locked, answer(1)] })
    expect(await session.check()).toBe(true)
    expect(waits).toEqual([2000, 2000])
    expect(seen).toEqual([
      { phase: 'waiting', why: 'locked' },
      { phase: 'ready', mode: 'control', generation: 1, end: null },
    ])
    expect(asked).toEqual(['check', 'check', 'check'])
    session.stop()
  })

  it('says_locked_also_when_the_seat_was_reset_meanwhile', async () => {
    const { session, seen } = scene({
      check: [refusal(410, 'reset'), answer(2)],
      enterAgain: [refusal(423, 'seat_locked', 2), answer(2)],
    })
    expect(await session.check()).toBe(true)
    expect(seen.map((state) => (state.phase === 'waiting' ? state.why : state.phase))).toEqual([
      'resetting',
      'locked',
      'ready',
    ])
    session.stop()
  })

  it('is_worth_an_attempt_while_it_cannot_be_asked_at_all', async () => {
    const { session, asked } = scene({ check: [refusal(0, 'network_error'), answer()] })
    expect(await session.mayTry()).toBe(true)
    expect(session.getState().phase).toBe('waiting')
    expect(await session.check()).toBe(true)
    expect(asked).toEqual(['check', 'check'])
    session.stop()
  })

  it('is_worth_none_while_the_seat_says_that_it_is_not_up', async () => {
    const { session } = scene({ check: [refusal(503, 'seat_unavailable'), answer()] })
    const states: string[] = []
    const tried = session.mayTry().then(() => states.push(session.getState().phase))
    await tried
    expect(states).toEqual(['ready'])
    session.stop()
  })

  it('learns_within_twenty_seconds_that_the_workshop_ends_at_another_time', async () => {
    vi.useFakeTimers()
    const [before, after] = ['2026-11-22T09:00:00Z', '2026-11-22T09:15:00Z']
    const { session, asked } = scene({ check: [answer(1, before, before), answer(1, before, after)] })
    await session.check()
    expect(session.getState()).toMatchObject({ end: { at: before } })
    await vi.advanceTimersByTimeAsync(20_000)
    expect(session.getState()).toMatchObject({ end: { at: after } })
    session.stop()
    await vi.advanceTimersByTimeAsync(600_000)
    expect(asked).toEqual(['check', 'check'])
  })

  it('backs_off_while_the_network_is_away', async () => {
    const away = refusal(0, 'network_error')
    const { session, waits, seen } = scene({ check: [away, away, away, answer()] })
    expect(await session.check()).toBe(true)
    expect(waits).toHaveLength(3)
    expect(seen[0]).toEqual({ phase: 'waiting', why: 'offline' })
    session.stop()
  })

  it('enters_again_by_itself_after_a_reset_even_while_the_new_seat_is_not_up', async () => {
    const { session, asked, seen } = scene({
      check: [refusal(410, 'reset'), refusal(503, 'seat_unavailable', 1), answer(2)],
      enterAgain: [refusal(503, 'seat_unavailable'), answer(2)],
    })
    expect(await session.check()).toBe(true)
    expect(asked).toEqual(['check', 'enterAgain', 'enterAgain', 'check', 'check'])
    expect(seen.slice(0, -1)).toEqual([{ phase: 'waiting', why: 'resetting' }])
    expect(session.getState()).toMatchObject({ phase: 'ready', generation: 2 })
    session.stop()
  })

  it.each([
    [refusal(401, 'unauthenticated'), 'signed_out'],
    [refusal(403, 'forbidden'), 'signed_out'],
    [refusal(410, 'released'), 'released'],
    [refusal(410, 'ended'), 'ended'],
    [refusal(404, 'not_found'), 'ended'],
    [refusal(404, 'unknown_reconnect_code'), 'released'],
    [refusal(421, 'wrong_host'), 'signed_out'],
  ])('is_over_after %s', async (error, why) => {
    const { session } = scene({ check: [error] })
    expect(await session.check()).toBe(false)
    expect(session.getState()).toEqual({ phase: 'gone', why })
    expect(await session.check()).toBe(false)
  })

  it('renews_at_two_thirds_of_its_life', async () => {
    vi.useFakeTimers()
    const { session, asked } = scene({
      check: Array.from({ length: 400 }, () => answer(1, '2026-11-22T11:00:00Z')),
      renew: [answer(1, '2026-11-22T20:00:00Z')],
    })
    await session.check()
    await vi.advanceTimersByTimeAsync(2 * 60 * 60 * 1000 - 1)
    expect(asked).not.toContain('renew')
    await vi.advanceTimersByTimeAsync(1)
    expect(asked.filter((call) => call === 'renew')).toHaveLength(1)
    session.stop()
  })

  it('asks_what_is_the_matter_when_a_renewal_is_refused', async () => {
    vi.useFakeTimers()
    const { session } = scene({
      check: [answer(1, '2026-11-22T08:00:30Z'), refusal(410, 'ended')],
      renew: [refusal(410, 'ended')],
    })
    await session.check()
    await vi.advanceTimersByTimeAsync(20_000)
    expect(session.getState()).toEqual({ phase: 'gone', why: 'ended' })
  })
})
