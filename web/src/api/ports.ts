// Programs that listen in a seat, the origins that show them, and which of them the class may see. The seat's own answer
// (what listens) is parsed, never trusted.

import { ApiError, BAD_ANSWER, isRecord, sendJson } from './client'
import { seatUrl, type SeatAddress } from './seat'

/** Where a port is: `url` lets this browser in, once and soon; `origin` may be shown. */
export interface OwnOrigin {
  url: string
  origin: string
}

export interface PortWish {
  port: number
  path?: string
  /** Another seat of the workshop, whose port is open to the class. */
  seat?: number
}

/** The system's, and the seat's own services: nothing that a learner's server could be on. */
export function isSeatPort(port: number): boolean {
  return Number.isInteger(port) && port >= 1024 && port <= 65_535 && (port < 3001 || port > 3003)
}

export interface Listening {
  port: number
  /** The program, where the seat can tell. */
  process: string
}

/** What listens, once each, in order. */
export async function listPorts(address: SeatAddress, signal?: AbortSignal): Promise<Listening[]> {
  const answer = await sendJson<unknown>(seatUrl(address, 'ports'), signal ? { signal } : {})
  const ports = portsIn(answer, (row) => (isRecord(row) ? row['port'] : undefined))
  return ports.map((port) => ({ port, process: processOn(answer, port) }))
}

function processOn(answer: unknown, port: number): string {
  const rows: unknown[] = isRecord(answer) && Array.isArray(answer['ports']) ? answer['ports'] : []
  const names = rows.map((row) => (isRecord(row) && row['port'] === port ? row['process'] : undefined))
  return names.find((name) => typeof name === 'string') ?? ''
}

export async function listOpenPorts(address: SeatAddress, signal?: AbortSignal): Promise<number[]> {
  return portsIn(await sendJson<unknown>(seatUrl(address, 'open-ports'), signal ? { signal } : {}), (row) => row)
}

export async function setOpenToClass(address: SeatAddress, port: number, open: boolean): Promise<number[]> {
  const method = open ? 'PUT' : 'DELETE'
  return portsIn(await sendJson<unknown>(seatUrl(address, `open-ports/${port}`), { method }), (row) => row)
}

export async function createOrigin(address: SeatAddress, wish: PortWish): Promise<OwnOrigin> {
  const answer = await sendJson<unknown>(seatUrl(address, 'origins'), {
    method: 'POST',
    json: { kind: 'port', ...wish },
  })
  if (!isRecord(answer) || typeof answer['url'] !== 'string' || typeof answer['origin'] !== 'string') throw badAnswer()
  return { url: answer['url'], origin: answer['origin'] }
}

/** The page of ours that opens a port in its tab; for links that are kept and shared. */
export function portLink(record: { workshop: string; seat: number; role?: string }, port: number, path = '/'): string {
  const query = new URLSearchParams({ open: String(port) })
  if (path !== '/') query.set('path', path)
  if (record.role === 'instructor') query.set('as', 'instructor')
  return `/seat/${record.workshop}/${record.seat}?${query.toString()}`
}

function portsIn(answer: unknown, portOf: (row: unknown) => unknown): number[] {
  const rows = isRecord(answer) ? answer['ports'] : undefined
  if (!Array.isArray(rows)) throw badAnswer()
  const ports = rows.map(portOf).filter((port): port is number => typeof port === 'number' && isSeatPort(port))
  return [...new Set(ports)].sort((a, b) => a - b)
}

function badAnswer(): ApiError {
  return new ApiError(BAD_ANSWER, 'The seat sent an answer that this page does not understand.', 200)
}
