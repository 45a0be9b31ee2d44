import { describe, expect, it } from 'vitest'
import { parseStats } from '../../api/stats'
import { killsSince, levelOf, percent, shareOf, worse } from './levels'

describe('what a seat uses', () => {
  it('leaves_out_memory_that_can_be_given_back', () => {
    const stats = parseStats({
      memory: { used: 900, limit: 1000, reclaimable: 700 },
      disk: { used: 5, limit: null },
      out_of_memory: { kills: 2, last_at: '2026-01-01T00:00:00Z' },
    })
    expect(stats).toEqual({
      memory: { used: 200, limit: 1000 },
      disk: { used: 5, limit: null },
      outOfMemoryKills: 2,
    })
  })

  it('is_read_from_a_seat_that_counts_no_kills', () => {
    const stats = parseStats({ memory: { used: 1, limit: 2 }, disk: { used: 1, limit: 2 } })
    expect(stats.outOfMemoryKills).toBe(0)
  })

  it.each([null, {}, { memory: { used: 'x' }, disk: { used: 1 } }])('declines %j', (answer) => {
    expect(() => parseStats(answer)).toThrow('does not understand')
  })

  it.each([
    [84, 'ok'],
    [85, 'amber'],
    [94, 'amber'],
    [95, 'red'],
    [120, 'red'],
  ])('of %i of 100 is %s', (used, level) => {
    expect(levelOf({ used, limit: 100 })).toBe(level)
  })

  it('has_no_level_without_a_limit', () => {
    expect(levelOf({ used: 1e12, limit: null })).toBe('ok')
    expect(shareOf({ used: 1, limit: null })).toBeNull()
  })

  it('is_shown_in_whole_percent', () => {
    expect([percent(0), percent(0.333), percent(0.999), percent(1)]).toEqual(['0 %', '33 %', '99 %', '100 %'])
    expect(worse('amber', 'ok')).toBe('amber')
  })
})

describe('programs that were ended', () => {
  it('are_told_of_once', () => {
    const first = killsSince(null, 1, 3)
    expect(first.news).toBe(0)
    const second = killsSince(first.told, 1, 5)
    expect(second.news).toBe(2)
    expect(killsSince(second.told, 1, 5).news).toBe(0)
  })

  it('are_counted_anew_in_a_new_seat', () => {
    expect(killsSince({ generation: 1, kills: 9 }, 2, 0)).toEqual({ news: 0, told: { generation: 2, kills: 0 } })
    expect(killsSince({ generation: 1, kills: 9 }, 1, 0)).toEqual({ news: 0, told: { generation: 1, kills: 0 } })
  })
})
