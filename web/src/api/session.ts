// The instructor's session with the platform.

import { queryOptions, useMutation, useQueryClient, type QueryClient } from '@tanstack/react-query'
import { isApiError, send, sendJson } from './client'
import type { Session, SetupRequest, SignInRequest } from './types'

export type SessionState =
  { state: 'signed_in'; session: Session } | { state: 'signed_out' } | { state: 'setup_required' }

const KEY = ['session'] as const

export const sessionQuery = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal }): Promise<SessionState> => {
    try {
      return { state: 'signed_in', session: await sendJson<Session>('/api/session', { signal }) }
    } catch (error) {
      if (isApiError(error, 'setup_required')) return { state: 'setup_required' }
      if (isApiError(error, 'unauthenticated')) return { state: 'signed_out' }
      throw error
    }
  },
  staleTime: 60_000,
})

export function useSetup() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (json: SetupRequest) => sendJson<Session>('/api/setup', { method: 'POST', json }),
    onSuccess: (session) => setSession(client, { state: 'signed_in', session }),
  })
}

export function useSignIn() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: (json: SignInRequest) => sendJson<Session>('/api/session', { method: 'POST', json }),
    onSuccess: (session) => setSession(client, { state: 'signed_in', session }),
  })
}

export function useSignOut() {
  const client = useQueryClient()
  return useMutation({
    mutationFn: () => send('/api/session', { method: 'DELETE' }),
    onSuccess: () => {
      client.clear()
      setSession(client, { state: 'signed_out' })
    },
  })
}

/** Known from somewhere else: a sign-in, a sign-out, or a call that the server no longer takes from us. */
export function setSession(client: QueryClient, state: SessionState) {
  client.setQueryData<SessionState>(KEY, state)
}
