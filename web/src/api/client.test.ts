import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError, asSentence, parseRetryAfter, send, sendJson } from './client'

function answer(status: number, body: string, headers: Record<string, string> = {}) {
  vi.stubGlobal('fetch', () => Promise.resolve(new Response(body, { status, headers })))
}

async function failure(call: Promise<unknown>): Promise<ApiError> {
  const error = await call.then(
    () => undefined,
    (cause: unknown) => cause,
  )
  if (!(error instanceof ApiError)) throw new Error('the call did not fail as an ApiError')
  return error
}

afterEach(() => vi.unstubAllGlobals())

describe('a call that is never answered', () => {
  const hanging = (_url: string, { signal }: { signal: AbortSignal }) =>
    new Promise<Response>((_, reject) => {
      signal.addEventListener('abort', () => reject(new Error('aborted')))
    })

  it('ends_after_a_while_as_if_nobody_were_there', async () => {
    vi.useFakeTimers()
    vi.stubGlobal('fetch', hanging)
    const failed = failure(send('/api/workshops'))
    await vi.advanceTimersByTimeAsync(20_000)
    expect((await failed).code).toBe('network_error')
    vi.useRealTimers()
  })

  it('ends_at_once_when_its_caller_has_enough', async () => {
    vi.stubGlobal('fetch', hanging)
    const caller = new AbortController()
    const call = send('/api/workshops', { signal: caller.signal })
    caller.abort()
    await expect(call).rejects.toThrow('aborted')
  })
})

describe('what goes wrong', () => {
  it('has_the_code_the_field_and_the_time_to_wait', async () => {
    const body = '{"error":{"code":"too_many_attempts","message":"slow down","field":"code","request_id":"r"}}'
    answer(429, body, { 'Retry-After': '9', ETag: '"v2"' })
    const error = await failure(send('/x'))
    expect(error).toMatchObject({ code: 'too_many_attempts', status: 429, message: 'Slow down.' })
    expect(error.details).toEqual({ field: 'code', requestId: 'r', retryAfter: 9, etag: '"v2"' })
  })

  it.each(['<html>bad gateway</html>', '[]', '{"error":"no"}', ''])(
    'is bad_answer without our envelope: %j',
    async (body) => {
      answer(502, body)
      expect(await failure(send('/x'))).toMatchObject({ code: 'bad_answer', status: 502 })
    },
  )

  it('is_a_network_error_when_nobody_answers', async () => {
    vi.stubGlobal('fetch', () => Promise.reject(new TypeError('failed')))
    expect(await failure(send('/x'))).toMatchObject({ code: 'network_error', status: 0 })
  })

  it('is_bad_answer_when_a_good_status_carries_no_json', async () => {
    answer(200, 'hello')
    expect(await failure(sendJson('/x'))).toMatchObject({ code: 'bad_answer' })
  })
})

describe('Retry-After', () => {
  it('takes_seconds_and_dates', () => {
    expect(parseRetryAfter('12')).toBe(12)
    expect(parseRetryAfter('Sun, 22 Nov 2026 08:00:10 GMT', Date.parse('2026-11-22T08:00:00Z'))).toBe(10)
    expect(parseRetryAfter('Sun, 22 Nov 2026 07:00:00 GMT', Date.parse('2026-11-22T08:00:00Z'))).toBe(0)
    expect(parseRetryAfter('soon')).toBeUndefined()
    expect(parseRetryAfter(null)).toBeUndefined()
  })
})

describe('messages', () => {
  it('read_as_sentences', () => {
    expect(['a name is missing', 'Done.', 'really?'].map(asSentence)).toEqual([
      'A name is missing.',
      'Done.',
      'Really?',
    ])
  })
})
