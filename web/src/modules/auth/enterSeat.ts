// The ways into a seat: a learner joins, or an instructor asks for a token. Each ends with the seat's cookie set and a record
// in this browser.

import { randomId } from '../../api/ids'
import { join } from '../../api/join'
import { checkSeatSession, openSeatSession, type SeatSessionAnswer } from '../../api/seat'
import type { JoinRequest, Workshop } from '../../api/types'
import { seatToken, type SeatMode } from '../../api/workshops'
import {
  loadSeatRecord,
  saveSeatRecord,
  type InstructorRecord,
  type LearnerRecord,
  type SeatRecord,
} from './seatRecords'
import { browserWait, type SeatCalls } from './seatSession'

export async function joinAsLearner(request: JoinRequest): Promise<LearnerRecord> {
  return (await enterAsLearner(request)).record
}

async function enterAsLearner(request: JoinRequest): Promise<{ record: LearnerRecord; session: SeatSessionAnswer }> {
  const answer = await join(request)
  const session = await openSeatSession(answer, answer.token)
  const before = loadSeatRecord('learner', answer.workshop.id, answer.seat)
  const record: LearnerRecord = {
    role: 'learner',
    workshop: answer.workshop.id,
    workshopName: answer.workshop.name,
    seat: answer.seat,
    endpoint: answer.endpoint,
    name: request.name,
    code: request.code,
    reconnectCode: answer.reconnect_code,
    noted: before?.role === 'learner' && before.reconnectCode === answer.reconnect_code && before.noted,
  }
  saveSeatRecord(record)
  return { record, session }
}

export function continueAsLearner(record: LearnerRecord): Promise<LearnerRecord> {
  return joinAsLearner(requestOf(record))
}

function requestOf(record: LearnerRecord): JoinRequest {
  return {
    code: record.code,
    name: record.name,
    reconnect_code: record.reconnectCode,
    request_id: randomId(),
  }
}

export async function openAsInstructor(workshop: Workshop, seat: number, mode: SeatMode): Promise<InstructorRecord> {
  const record: InstructorRecord = {
    role: 'instructor',
    workshop: workshop.id,
    workshopName: workshop.name,
    seat,
    endpoint: workshop.endpoint,
    name: workshop.seats.find((other) => other.number === seat)?.learner?.name ?? '',
    mode,
  }
  await enterAsInstructor(record)
  return record
}

async function enterAsInstructor(record: InstructorRecord): Promise<SeatSessionAnswer> {
  const answer = await seatToken(record.workshop, record.seat, record.mode)
  const session = await openSeatSession(answer, answer.token)
  saveSeatRecord({ ...record, endpoint: answer.endpoint })
  return session
}

/** From watching to typing, and back: another token, and with it another cookie. */
export async function changeMode(record: InstructorRecord, mode: SeatMode): Promise<void> {
  await enterAsInstructor({ ...record, mode })
}

export function seatCalls(record: SeatRecord): SeatCalls {
  return {
    ...browserWait,
    check: () => checkSeatSession(record),
    renew: () => openSeatSession(record),
    enterAgain: async () =>
      record.role === 'instructor' ? enterAsInstructor(record) : (await enterAsLearner(requestOf(record))).session,
  }
}

/** Where a record's workspace is, with a pane of it in front. */
export function seatPath(record: SeatRecord, pane?: 'browser'): string {
  const query = new URLSearchParams()
  if (record.role === 'instructor') query.set('as', 'instructor')
  if (pane) query.set('pane', pane)
  const path = `/seat/${record.workshop}/${record.seat}`
  return query.size === 0 ? path : `${path}?${query.toString()}`
}
