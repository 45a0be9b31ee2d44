import { describe, expect, it } from 'vitest'
import { rowsToMake, sliceOf } from './useWindow'

describe('a long list', () => {
  it('is_made_whole_while_it_is_short', () => {
    expect(sliceOf(200, 28, 5000, 500)).toEqual({ from: 0, to: 200 })
  })

  it('is_made_around_what_is_in_view', () => {
    for (let top = 0; top <= 20_000 * 28; top += 997) {
      const { from, to } = sliceOf(20_000, 28, top, 700)
      expect(from).toBeLessThanOrEqual(Math.max(0, top / 28 - 30))
      expect(to).toBeGreaterThanOrEqual(Math.min(20_000, (top + 700) / 28 + 30))
      expect(to - from).toBeLessThan(200)
    }
  })

  it('stays_in_its_bounds_when_it_has_become_shorter', () => {
    expect(sliceOf(300, 28, 500_000, 700)).toEqual({ from: 300, to: 300 })
  })

  it('leaves_room_for_what_is_not_made_and_keeps_what_must_stay', () => {
    expect(rowsToMake({ from: 4, to: 6 }, 10, [])).toEqual([
      { index: 4, gap: 4 },
      { index: 5, gap: 0 },
      { index: 10, gap: 4 },
    ])
    expect(rowsToMake({ from: 4, to: 6 }, 10, [8, 5, 1, -1, 10])).toEqual([
      { index: 1, gap: 1 },
      { index: 4, gap: 2 },
      { index: 5, gap: 0 },
      { index: 8, gap: 2 },
      { index: 10, gap: 1 },
    ])
  })
})
