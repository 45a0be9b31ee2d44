import { describe, expect, it } from 'vitest'
import { idleWords, inLocalTime, minutesToWarnOf, momentOf } from './words'

describe('an end that is near', () => {
  it('is_told_by_the_smaller_of_what_server_and_clock_say', () => {
    expect(minutesToWarnOf({ minutes: 5, cause: 'time' }, 4)).toBe(4)
    expect(minutesToWarnOf({ minutes: 5, cause: 'time' }, 7)).toBe(5)
  })

  it('is_not_told_once_it_was_put_off', () => {
    expect(minutesToWarnOf({ minutes: 5, cause: 'time' }, 19)).toBeNull()
    expect([minutesToWarnOf(null, 3), minutesToWarnOf(undefined, 3), minutesToWarnOf({ minutes: 5, cause: 'time' }, null)]).toEqual([
      null,
      null,
      null,
    ])
  })
})

describe('a workshop that ends when nobody uses it', () => {
  it('says_the_rule_while_it_is_used_and_the_end_while_it_is_not', () => {
    expect(idleWords(undefined, null)).toBeNull()
    expect(idleWords({ after_minutes: 90 }, null)).toBe('Ends when nobody used it for 90 minutes')
    expect(idleWords({ after_minutes: 60 }, null)).toBe('Ends when nobody used it for an hour')
    const now = new Date(2026, 10, 2, 9, 0)
    const at = new Date(2026, 10, 2, 9, 40).toISOString()
    expect(idleWords({ after_minutes: 2 * 24 * 60, kept_until: at }, null, now)).toMatch(/^Ends when nobody used it for 2 days; kept until .*9:40/)
    expect(idleWords({ after_minutes: 60, ends_at: at }, 40, now)).toMatch(/^Nobody uses it: ends .*9:40.*, in 40 min$/)
  })
})

describe('a moment in a field', () => {
  it('is_there_and_back_the_same', () => {
    const moment = new Date(2026, 10, 2, 9, 5).toISOString()
    expect(inLocalTime(moment)).toBe('2026-11-02T09:05')
    expect(momentOf(inLocalTime(moment))).toBe(moment)
    expect([inLocalTime(null), momentOf(''), momentOf('tomorrow')]).toEqual(['', null, null])
  })
})
