import { describe, expect, it } from 'vitest'
import { backoffDelay } from './backoff'

describe('backoffDelay', () => {
  it('doubles from half a second, and spreads a class over half of it', () => {
    expect([0, 1, 2].map((attempt) => backoffDelay(attempt, () => 1))).toEqual([500, 1000, 2000])
    expect([0, 1, 2].map((attempt) => backoffDelay(attempt, () => 0))).toEqual([250, 500, 1000])
  })

  it('finds a server that was away for long within three seconds of its return', () => {
    for (const attempt of [3, 10, 1000]) expect(backoffDelay(attempt, () => 1)).toBe(3000)
  })
})
