import { describe, expect, it } from 'vitest'
import { minutesLeft } from '../../components/useMinutesLeft'
import { endWords, warningAt } from './endWarning'

const END = '2026-11-22T16:00:00Z'
const before = (seconds: number) => minutesLeft(END, Date.parse(END) - seconds * 1000)

describe('a workshop’s end', () => {
  it('is_told_in_begun_minutes', () => {
    expect([before(901), before(900), before(61), before(60), before(1), before(0), before(-30)]).toEqual([
      16, 15, 2, 1, 1, 0, 0,
    ])
    expect([minutesLeft(undefined, 0), minutesLeft(null, 0), minutesLeft('soon', 0)]).toEqual([null, null, null])
  })

  it('is_warned_of_at_15_5_and_1', () => {
    expect([901, 900, 301, 300, 61, 60, 0].map((seconds) => warningAt(before(seconds)))).toEqual([
      null,
      15,
      15,
      5,
      5,
      1,
      1,
    ])
    expect(warningAt(null)).toBeNull()
  })

  it('can_be_put_off_by_whoever_works_where_nobody_does', () => {
    expect(endWords(15, 'idle')).toMatch(/^Nobody uses this workshop, so it ends in 15 minutes\. Type anything/)
    expect(endWords(1, 'time')).toMatch(/^The workshop ends in a minute\. .*download/)
  })
})
