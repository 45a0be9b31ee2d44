// What a learner reads when joining did not work: plain, different for every cause, and never the server's inner words.

import { isApiError } from '../api/client'

export type JoinProblem =
  | { kind: 'field'; field: 'code' | 'name' | 'reconnect_code'; sentence: string }
  | { kind: 'sentence'; sentence: string }
  /** It will work by itself: try again after a while. */
  | { kind: 'wait'; sentence: string; afterMs: number }

const NOT_READY_MS = 3000
const NO_ANSWER_MS = 1500
const RATE_LIMIT_SECONDS = 30

export function joinProblem(error: unknown): JoinProblem {
  if (!isApiError(error)) return { kind: 'sentence', sentence: 'Something unexpected went wrong. Try again.' }
  const { field, retryAfter } = error.details
  switch (error.code) {
    case 'unknown_code':
      return {
        kind: 'field',
        field: 'code',
        sentence: 'There is no workshop with this code. Check it with your instructor.',
      }
    case 'unknown_reconnect_code':
      return {
        kind: 'field',
        field: 'reconnect_code',
        sentence: 'No seat of this workshop has this reconnect code. It ends when the instructor frees the seat.',
      }
    case 'no_seats':
      return { kind: 'sentence', sentence: 'Every seat is taken. Tell your instructor: they can add one.' }
    case 'ended':
      return { kind: 'sentence', sentence: 'This workshop has ended. If there is another one, your instructor has its code.' }
    case 'not_ready':
      return {
        kind: 'wait',
        sentence: 'The workshop is not open yet. You will be let in as soon as it is: leave this page open.',
        afterMs: retryAfter === undefined ? NOT_READY_MS : Math.max(1, retryAfter) * 1000,
      }
    case 'seat_locked':
      return {
        kind: 'wait',
        sentence: 'Your instructor has locked your seat. You will be let in as soon as they unlock it.',
        afterMs: Math.max(2, retryAfter ?? 2) * 1000,
      }
    case 'network_error':
      return {
        kind: 'wait',
        sentence: 'The server does not answer. You will be let in as soon as it does: check that you are online.',
        afterMs: NO_ANSWER_MS,
      }
    case 'invalid_input':
      if (field === 'code' || field === 'name' || field === 'reconnect_code') {
        return { kind: 'field', field, sentence: error.message }
      }
      return { kind: 'sentence', sentence: error.message }
  }
  if (error.status === 429) {
    const seconds = retryAfter ?? RATE_LIMIT_SECONDS
    return {
      kind: 'sentence',
      sentence: `Too many codes were tried from here. Wait ${seconds} seconds, then try again.`,
    }
  }
  if (error.status === 503) {
    return {
      kind: 'wait',
      sentence: 'Your seat is being made ready. You will be let in as soon as it is.',
      afterMs: Math.max(1, retryAfter ?? 3) * 1000,
    }
  }
  return { kind: 'sentence', sentence: error.message }
}

/** Why a workspace page sent somebody here. */
export type JoinReason = 'signed_out' | 'unknown_seat' | 'left'

export function reasonSentence(state: unknown): string | null {
  const reason = typeof state === 'object' && state !== null && 'reason' in state ? state.reason : undefined
  switch (reason) {
    case 'signed_out':
      return 'Your visit to the seat has expired. Come back in with one click below, or with your code.'
    case 'unknown_seat':
      return 'This browser has not joined that seat. Enter your code to take one.'
    case 'left':
      return 'You left your seat. It stays yours, with everything on it, until the workshop ends: come back whenever you like.'
    default:
      return null
  }
}
