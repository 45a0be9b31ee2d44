// The one place that calls fetch (uploads are sent by `upload.ts`, which can tell their progress). Whatever goes wrong becomes an ApiError with a stable code; pages match codes and
// never look at status texts.

export const NETWORK_ERROR = 'network_error'
/** A browser may ask on an old connection that died without a word, and would wait for minutes: so long it may, until the
 * answer begins. Asked again, it takes another connection. */
const GET_PATIENCE_MS = 20_000
/** For a POST that may be repeated, while somebody waits to be let in. */
export const ENTRY_PATIENCE_MS = 8_000
export const BAD_ANSWER = 'bad_answer'

export class ApiError extends Error {
  override readonly name = 'ApiError'

  constructor(
    readonly code: string,
    message: string,
    readonly status: number,
    readonly details: { field?: string; requestId?: string; retryAfter?: number; etag?: string; paths?: string[] } = {},
  ) {
    super(message)
  }
}

export interface RequestOptions {
  method?: 'GET' | 'POST' | 'PUT' | 'DELETE'
  json?: unknown
  body?: string | Uint8Array<ArrayBuffer>
  headers?: Record<string, string>
  signal?: AbortSignal
  /** How long until the answer has to begin; for a GET there is always a limit. */
  patienceMs?: number
}

/** Answers 2xx and 304; throws an ApiError for everything else. */
export async function send(url: string, options: RequestOptions = {}): Promise<Response> {
  const headers = new Headers(options.headers)
  let body: BodyInit | null = options.body ?? null
  if (options.json !== undefined) {
    headers.set('Content-Type', 'application/json')
    body = JSON.stringify(options.json)
  }
  const { method = 'GET', patienceMs = method === 'GET' ? GET_PATIENCE_MS : undefined } = options
  const ending = new AbortController()
  const end = () => ending.abort()
  const timer = patienceMs === undefined ? undefined : setTimeout(end, patienceMs)
  options.signal?.addEventListener('abort', end)
  if (options.signal?.aborted) end()
  let response: Response
  try {
    response = await fetch(url, {
      method,
      headers,
      body,
      credentials: 'include',
      cache: 'no-store',
      signal: ending.signal,
    })
  } catch (cause) {
    if (options.signal?.aborted) throw cause
    throw noAnswer()
  } finally {
    clearTimeout(timer)
  }
  if (response.ok || response.status === 304) return response
  throw errorFrom(response.status, response.headers, await response.json().catch(() => undefined))
}

export async function sendJson<Answer>(url: string, options: RequestOptions = {}): Promise<Answer> {
  const response = await send(url, options)
  try {
    return (await response.json()) as Answer
  } catch {
    throw new ApiError(BAD_ANSWER, 'The server sent an answer that this page does not understand.', response.status)
  }
}

/** What a refusal says, whoever asked: fetch here, an upload in `upload.ts`. */
export function errorFrom(status: number, headers: Pick<Headers, 'get'>, body: unknown): ApiError {
  const details: ApiError['details'] = {}
  const retryAfter = parseRetryAfter(headers.get('Retry-After'))
  if (retryAfter !== undefined) details.retryAfter = retryAfter
  const etag = headers.get('ETag')
  if (etag !== null) details.etag = etag

  const error = errorOf(body)
  if (typeof error?.['code'] !== 'string') {
    return new ApiError(BAD_ANSWER, `The server answered ${status} without saying why.`, status, details)
  }
  if (typeof error['field'] === 'string') details.field = error['field']
  if (typeof error['request_id'] === 'string') details.requestId = error['request_id']
  if (Array.isArray(error['paths'])) {
    details.paths = error['paths'].filter((path): path is string => typeof path === 'string')
  }
  const message = typeof error['message'] === 'string' ? error['message'] : error['code']
  return new ApiError(error['code'], asSentence(message), status, details)
}

/** The server speaks in lower case without a full stop, as programs do; people read a sentence. */
export function asSentence(message: string): string {
  const text = message.trim()
  const capital = text.charAt(0).toUpperCase() + text.slice(1)
  return /[.!?…]$/.test(capital) ? capital : `${capital}.`
}

export function noAnswer(): ApiError {
  return new ApiError(NETWORK_ERROR, 'The server did not answer. Check your connection and try again.', 0)
}

function errorOf(body: unknown): Record<string, unknown> | undefined {
  return isRecord(body) && isRecord(body['error']) ? body['error'] : undefined
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** Seconds, from either form that RFC 9110 allows. */
export function parseRetryAfter(value: string | null, now = Date.now()): number | undefined {
  if (value === null) return undefined
  if (/^\d+$/.test(value.trim())) return Number(value)
  const date = Date.parse(value)
  return Number.isNaN(date) ? undefined : Math.max(0, Math.ceil((date - now) / 1000))
}

export function isApiError(error: unknown, ...codes: string[]): error is ApiError {
  return error instanceof ApiError && (codes.length === 0 || codes.includes(error.code))
}

/** Whether the same call may well work in a moment. */
export function isPassing(error: unknown): boolean {
  return isApiError(error) && (error.code === NETWORK_ERROR || [502, 503, 504].includes(error.status))
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : 'Something unexpected went wrong.'
}
