import { describe, expect, it } from 'vitest'
import { inLocalTime, minutesToWarnOf, momentOf } from './words'

describe('an end that is near', () => {
  it('is_told_by_the_smaller_of_what_server_and_clock_say', () => {
    expect(minutesToWarnOf({ minutes: 5 }, 4)).toBe(4)
    expect(minutesToWarnOf({ minutes: 5 }, 7)).toBe(5)
  })

  it('is_not_told_once_it_was_put_off', () => {
    expect(minutesToWarnOf({ minutes: 5 }, 19)).toBeNull()
    expect([minutesToWarnOf(null, 3), minutesToWarnOf(undefined, 3), minutesToWarnOf({ minutes: 5 }, null)]).toEqual([
      null,
      null,
      null,
    ])
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
