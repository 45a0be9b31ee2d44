// A learner's way in.

import { ENTRY_PATIENCE_MS, sendJson } from './client'
import type { JoinAnswer, JoinRequest } from './types'

export function join(request: JoinRequest, signal?: AbortSignal): Promise<JoinAnswer> {
  return sendJson<JoinAnswer>('/api/join', {
    method: 'POST',
    json: request,
    patienceMs: ENTRY_PATIENCE_MS,
    ...(signal ? { signal } : {}),
  })
}
