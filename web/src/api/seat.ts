// One seat behind its endpoint: addresses and the session that its cookie carries. Answers that the seat itself writes
// (files, terminals) are parsed, never trusted: a learner can replace the server inside.

import { ApiError, BAD_ANSWER, ENTRY_PATIENCE_MS, isRecord, send, sendJson } from './client'
import type { SeatMode } from './workshops'

export interface SeatAddress {
  endpoint: string
  seat: number
}

export interface SeatSessionAnswer {
  mode: SeatMode
  generation: number
  expires_at: string
  /** Of the workshop, where it ends by itself. */
  end: End | null
}

export interface End {
  /** RFC 3339. */
  at: string
  /** Its time is over, or nobody uses it: then anybody who works keeps it. */
  cause: 'time' | 'idle'
}

export function isSameEnd(one: End | null, other: End | null): boolean {
  return one?.at === other?.at && one?.cause === other?.cause
}

export function seatUrl({ endpoint, seat }: SeatAddress, path: string): string {
  return `${endpoint.replace(/\/+$/, '')}/vm/${seat}/${path}`
}

export function seatSocketUrl(address: SeatAddress, path: string, query: URLSearchParams): string {
  const url = new URL(seatUrl(address, path), window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  url.search = query.toString()
  return url.href
}

/** With a token: the first session. Without: a renewal by the cookie. The token in the answer stays in the cookie. */
export async function openSeatSession(address: SeatAddress, token?: string): Promise<SeatSessionAnswer> {
  return parseSession(
    await sendJson<unknown>(seatUrl(address, 'session'), {
      method: 'POST',
      headers: token === undefined ? {} : { Authorization: `Bearer ${token}` },
      patienceMs: ENTRY_PATIENCE_MS,
    }),
  )
}

/** Asked because something broke: the connection that it is asked on may be broken too. */
const CHECK_PATIENCE_MS = 5_000

export async function checkSeatSession(address: SeatAddress): Promise<SeatSessionAnswer> {
  return parseSession(await sendJson<unknown>(seatUrl(address, 'session'), { patienceMs: CHECK_PATIENCE_MS }))
}

/** Says that the learner leaves; the cookie goes, the seat stays theirs. */
export async function leaveSeat(address: SeatAddress): Promise<void> {
  await send(seatUrl(address, 'session'), { method: 'DELETE' })
}

function parseSession(value: unknown): SeatSessionAnswer {
  if (!isRecord(value)) throw badAnswer()
  const { mode, generation, expires_at: expiresAt, ends_at: endsAt, ends_cause: cause } = value
  if ((mode !== 'view' && mode !== 'control') || typeof generation !== 'number' || typeof expiresAt !== 'string') {
    throw badAnswer()
  }
  const end: End | null = typeof endsAt === 'string' ? { at: endsAt, cause: cause === 'idle' ? 'idle' : 'time' } : null
  return { mode, generation, expires_at: expiresAt, end }
}

export interface TerminalInfo {
  name: string
  title: string
}

export async function listTerminals(address: SeatAddress, signal?: AbortSignal): Promise<TerminalInfo[]> {
  const answer = await sendJson<unknown>(seatUrl(address, 'terminals'), signal ? { signal } : {})
  const list = isRecord(answer) ? answer['terminals'] : undefined
  if (!Array.isArray(list)) throw badAnswer()
  return list.map(parseTerminal)
}

export async function createTerminal(address: SeatAddress): Promise<TerminalInfo> {
  return parseTerminal(await sendJson<unknown>(seatUrl(address, 'terminals'), { method: 'POST', json: {} }))
}

export async function deleteTerminal(address: SeatAddress, name: string): Promise<void> {
  await send(seatUrl(address, `terminals/${encodeURIComponent(name)}`), { method: 'DELETE' })
}

function parseTerminal(value: unknown): TerminalInfo {
  if (!isRecord(value) || typeof value['name'] !== 'string') throw badAnswer()
  return { name: value['name'], title: typeof value['title'] === 'string' ? value['title'] : '' }
}

function badAnswer(): ApiError {
  return new ApiError(BAD_ANSWER, 'The seat sent an answer that this page does not understand.', 200)
}
