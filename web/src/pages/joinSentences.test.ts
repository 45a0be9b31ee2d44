import { describe, expect, it } from 'vitest'
import { ApiError } from '../api/client'
import { joinProblem } from './joinSentences'

function refusal(status: number, code: string, details = {}): ApiError {
  return new ApiError(code, `server says ${code}`, status, details)
}

describe('what a learner reads', () => {
  it('differs_for_every_cause', () => {
    const errors = [
      refusal(404, 'unknown_code'),
      refusal(409, 'no_seats'),
      refusal(410, 'ended'),
      refusal(425, 'not_ready'),
      refusal(429, 'too_many_attempts', { retryAfter: 9 }),
      refusal(404, 'unknown_reconnect_code'),
      refusal(503, 'seat_unavailable'),
      refusal(423, 'seat_locked', { retryAfter: 2 }),
      refusal(0, 'network_error'),
      new Error('bug'),
    ]
    const sentences = errors.map((error) => joinProblem(error).sentence)
    expect(new Set(sentences).size).toBe(errors.length)
  })

  it('waits_by_itself_until_the_workshop_opens', () => {
    expect(joinProblem(refusal(425, 'not_ready'))).toMatchObject({ kind: 'wait', afterMs: 3000 })
    expect(joinProblem(refusal(425, 'not_ready', { retryAfter: 10 }))).toMatchObject({ afterMs: 10_000 })
  })

  it('asks_again_by_itself_when_nobody_answered', () => {
    expect(joinProblem(refusal(0, 'network_error'))).toMatchObject({ kind: 'wait', afterMs: 1500 })
  })

  it('puts_field_errors_at_their_field', () => {
    expect(joinProblem(refusal(400, 'invalid_input', { field: 'name' }))).toMatchObject({
      kind: 'field',
      field: 'name',
    })
    expect(joinProblem(refusal(404, 'unknown_code'))).toMatchObject({ kind: 'field', field: 'code' })
  })

  it('says_how_long_to_wait', () => {
    expect(joinProblem(refusal(429, 'too_many_attempts', { retryAfter: 9 })).sentence).toContain('9 seconds')
  })
})
