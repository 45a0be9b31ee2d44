// A seat's browser: asking for it is what starts it. It is told when to ask again until it is there.

import { ApiError, BAD_ANSWER, isRecord, sendJson } from './client'
import type { OwnOrigin } from './ports'
import { seatUrl, type SeatAddress } from './seat'

/** What the wait is for, as far as the server tells. */
export interface BrowserWait {
  status: 'starting' | 'queued'
  /** From 1, while the machine is full. */
  position?: number
  phase?: 'container' | 'firefox' | 'resuming'
}

export type BrowserAnswer = { there: OwnOrigin } | { wait: BrowserWait }

const PHASES: readonly string[] = ['container', 'firefox', 'resuming'] satisfies BrowserWait['phase'][]

/** Asks for the seat's browser. A way in that comes is good once, and for half a minute. */
export async function askForBrowser(address: SeatAddress, signal?: AbortSignal): Promise<BrowserAnswer> {
  const answer = await sendJson<unknown>(seatUrl(address, 'origins'), {
    method: 'POST',
    json: { kind: 'browser' },
    headers: { Prefer: 'respond-async' },
    ...(signal ? { signal } : {}),
  })
  return parseBrowserAnswer(answer)
}

export function parseBrowserAnswer(answer: unknown): BrowserAnswer {
  if (isRecord(answer)) {
    const { url, origin, status, position, phase } = answer
    if (typeof url === 'string' && typeof origin === 'string') return { there: { url, origin } }
    if (status === 'starting' || status === 'queued') {
      const wait: BrowserWait = { status }
      if (typeof position === 'number' && Number.isInteger(position) && position > 0) wait.position = position
      if (isPhase(phase)) wait.phase = phase
      return { wait }
    }
  }
  throw new ApiError(BAD_ANSWER, 'The server sent an answer that this page does not understand.', 200)
}

function isPhase(phase: unknown): phase is NonNullable<BrowserWait['phase']> {
  return typeof phase === 'string' && PHASES.includes(phase)
}
