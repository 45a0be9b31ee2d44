// Workshops and their seats, as the instructor sees them.

import { queryOptions, useMutation, useQueryClient } from '@tanstack/react-query'
import { send, sendJson } from './client'
import type { CreateWorkshop, Seat, SeatToken, Workshop, WorkshopList, WorkshopStatus } from './types'

const LIST_KEY = ['workshops'] as const
/** While no stream of events is up. */
export const FALLBACK_POLL_MS = 5000

export function isChanging(status: WorkshopStatus): boolean {
  return status === 'provisioning' || status === 'ending'
}

export const workshopsQuery = queryOptions({
  queryKey: LIST_KEY,
  queryFn: async ({ signal }) => (await sendJson<WorkshopList>('/api/workshops', { signal })).workshops,
})

export function workshopQuery(id: string) {
  return queryOptions({
    queryKey: [...LIST_KEY, id],
    queryFn: ({ signal }) => sendJson<Workshop>(urlOf(id), { signal }),
  })
}

/** A picture of the join link, for an `<img>`. */
export function joinQrUrl(id: string): string {
  return `${urlOf(id)}/join-qr.svg`
}

export function useCreateWorkshop() {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: (json: CreateWorkshop) =>
      sendJson<Workshop>('/api/workshops', { method: 'POST', json, headers: { Prefer: 'respond-async' } }),
    onSuccess: (workshop) => {
      client.setQueryData(workshopQuery(workshop.id).queryKey, workshop)
      return client.invalidateQueries({ queryKey: LIST_KEY, exact: true })
    },
  })
}

/** The call answers when nothing is left; the queries show the way there. */
export function useDeleteWorkshop() {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: (workshop: Workshop) => send(urlOf(workshop.id), { method: 'DELETE' }),
    onMutate: (workshop) => {
      const ending = { ...workshop, status: 'ending' as const }
      client.setQueryData(workshopQuery(workshop.id).queryKey, ending)
      client.setQueryData(LIST_KEY, (list: Workshop[] | undefined) =>
        list?.map((other) => (other.id === workshop.id ? ending : other)),
      )
    },
    onSuccess: (_, workshop) => {
      client.setQueryData(LIST_KEY, (list: Workshop[] | undefined) => list?.filter((other) => other.id !== workshop.id))
      client.removeQueries({ queryKey: workshopQuery(workshop.id).queryKey })
    },
    onSettled: () => client.invalidateQueries({ queryKey: LIST_KEY, exact: true }),
    retry: false,
  })
}

/** Later by so much, or at a moment of its own. */
export function useExtendWorkshop(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: (json: { minutes: number } | { ends_at: string }) =>
      sendJson<Workshop>(`${urlOf(id)}/extend`, { method: 'POST', json }),
    onSuccess: (workshop) => client.setQueryData(workshopQuery(id).queryKey, workshop),
    onSettled: () => client.invalidateQueries({ queryKey: LIST_KEY }),
  })
}

/** The explicit yes to more seats than the machine can give all they may use, for a workshop that waits for room. */
export function useAllowOvercommit(id: string) {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: () => sendJson<Workshop>(`${urlOf(id)}/allow-overcommit`, { method: 'POST' }),
    onSuccess: (workshop) => client.setQueryData(workshopQuery(id).queryKey, workshop),
    onSettled: () => client.invalidateQueries({ queryKey: LIST_KEY }),
  })
}

/** Answers at once; the queries show how far it is. */
export function useDeleteAllWorkshops() {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: () => send('/api/workshops?all=true', { method: 'DELETE', headers: { Prefer: 'respond-async' } }),
    onSettled: () => client.invalidateQueries({ queryKey: LIST_KEY }),
    retry: false,
  })
}

/** As the routes are called. */
export type SeatAction = 'reset' | 'undo-reset' | 'release' | 'retry' | 'lock' | 'unlock'

export function useSeatAction(workshop: string) {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: ({ seat, action }: { seat: number; action: SeatAction }) =>
      sendJson<Seat>(`${urlOf(workshop)}/seats/${seat}/${action}`, { method: 'POST' }),
    onSettled: () => client.invalidateQueries({ queryKey: LIST_KEY }),
  })
}

export function useAddSeats(workshop: string) {
  const client = useQueryClient()
  return useMutation({
    mutationKey: LIST_KEY,
    mutationFn: (json: { count: number; allow_overcommit?: boolean }) =>
      sendJson<Workshop>(`${urlOf(workshop)}/seats`, { method: 'POST', json }),
    onSettled: () => client.invalidateQueries({ queryKey: LIST_KEY }),
  })
}

export type SeatMode = 'view' | 'control'

/** An instructor's own way into a seat. */
export function seatToken(workshop: string, seat: number, mode: SeatMode): Promise<SeatToken> {
  return sendJson<SeatToken>(`${urlOf(workshop)}/seats/${seat}/token`, { method: 'POST', json: { mode } })
}

function urlOf(id: string): string {
  return `/api/workshops/${encodeURIComponent(id)}`
}
