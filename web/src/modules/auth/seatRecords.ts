// What this browser remembers of the seats that it may enter: enough to come back, and never a token (that is in an
// HttpOnly cookie). An instructor's visit to a seat is kept apart from a learner's place on it.

import type { SeatAddress } from '../../api/seat'
import { isRecord } from '../../api/client'
import { normaliseJoinCode } from '../../api/ids'
import type { SeatMode } from '../../api/workshops'
import { forgetDrafts } from './seatStorage'

interface Common extends SeatAddress {
  workshop: string
  workshopName: string
  /** The learner's. Empty when an instructor opened a free seat. */
  name: string
}

export interface LearnerRecord extends Common {
  role: 'learner'
  code: string
  reconnectCode: string
  /** The learner has been shown the reconnect code and put the note away. */
  noted: boolean
}

export interface InstructorRecord extends Common {
  role: 'instructor'
  mode: SeatMode
}

export type SeatRecord = LearnerRecord | InstructorRecord

const PREFIX = 'clarateach.seat'

function keyOf(role: SeatRecord['role'], workshop: string, seat: number): string {
  return `${PREFIX}.${role}.${workshop}.${seat}`
}

export function loadSeatRecord(role: SeatRecord['role'], workshop: string, seat: number): SeatRecord | null {
  return parse(localStorage.getItem(keyOf(role, workshop, seat)))
}

export function saveSeatRecord(record: SeatRecord): void {
  const before = loadSeatRecord(record.role, record.workshop, record.seat)
  const sameLearner =
    record.role === 'instructor' || (before?.role === 'learner' && before.reconnectCode === record.reconnectCode)
  if (!sameLearner) forgetDrafts(record)
  localStorage.setItem(keyOf(record.role, record.workshop, record.seat), JSON.stringify(record))
}

/** Drafts go with it: whoever sits here next has no business with them. */
export function forgetSeatRecord(record: SeatRecord): void {
  localStorage.removeItem(keyOf(record.role, record.workshop, record.seat))
  forgetDrafts(record)
}

/** The place that this browser last had in the workshop of this code. */
export function learnerRecordFor(code: string): LearnerRecord | null {
  const wanted = normaliseJoinCode(code)
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(`${PREFIX}.learner.`)) continue
    const record = parse(localStorage.getItem(key))
    if (record?.role === 'learner' && normaliseJoinCode(record.code) === wanted) return record
  }
  return null
}

/** A place that this browser has in the workshop, whichever seat it is. */
export function learnerRecordIn(workshop: string): LearnerRecord | null {
  for (const key of Object.keys(localStorage)) {
    if (!key.startsWith(`${PREFIX}.learner.${workshop}.`)) continue
    const record = parse(localStorage.getItem(key))
    if (record?.role === 'learner') return record
  }
  return null
}

function parse(text: string | null): SeatRecord | null {
  if (text === null) return null
  try {
    const value: unknown = JSON.parse(text)
    return isSeatRecord(value) ? value : null
  } catch {
    return null
  }
}

function isSeatRecord(value: unknown): value is SeatRecord {
  if (!isRecord(value)) return false
  const strings = ['workshop', 'workshopName', 'name', 'endpoint']
  if (typeof value['seat'] !== 'number' || strings.some((key) => typeof value[key] !== 'string')) return false
  return value['role'] === 'learner'
    ? typeof value['code'] === 'string' && typeof value['reconnectCode'] === 'string'
    : value['role'] === 'instructor' && (value['mode'] === 'view' || value['mode'] === 'control')
}
