// A learner's way in.

import { sendJson } from './client'
import type { JoinAnswer, JoinRequest } from './types'

export function join(request: JoinRequest, signal?: AbortSignal): Promise<JoinAnswer> {
  return sendJson<JoinAnswer>('/api/join', { method: 'POST', json: request, ...(signal ? { signal } : {}) })
}
