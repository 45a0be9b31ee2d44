// What events do to what a page knows. Each one replaces; none adds up, so telling one twice changes nothing.

import { useQueryClient, type QueryClient } from '@tanstack/react-query'
import { useEffect, useMemo, useSyncExternalStore } from 'react'
import { EventSocket, type StreamState } from './eventSocket'
import { reachQuery } from './reach'
import type { StreamEvent, Workshop } from './types'
import { workshopQuery, workshopsQuery } from './workshops'

/** A workshop after an event of it; `undefined` while nothing is known, and once it has ended. */
export function workshopAfter(known: Workshop | undefined, event: StreamEvent): Workshop | undefined {
  switch (event.type) {
    case 'workshop':
      return event.workshop
    case 'seat':
      if (known?.id !== event.workshop) return known
      return {
        ...known,
        seats: known.seats.map((seat) => (seat.number === event.seat.number ? event.seat : seat)),
      }
    case 'progress': {
      if (known?.id !== event.workshop) return known
      const after: Workshop = { ...known, status: event.status }
      delete after.reason
      delete after.progress
      if (event.reason) after.reason = event.reason
      if (event.progress) after.progress = event.progress
      return after
    }
    case 'warning':
      if (known?.id !== event.workshop) return known
      return { ...known, ends_at: event.ends_at, warning: { minutes: event.minutes, cause: event.cause } }
    case 'ended':
      return known?.id === event.workshop ? undefined : known
    default:
      return known
  }
}

/** The list after an event: newest first, as the server has it. */
export function listAfter(known: Workshop[] | undefined, event: StreamEvent): Workshop[] | undefined {
  switch (event.type) {
    case 'workshops':
      return event.workshops
    case 'workshop': {
      if (!known) return known
      const { workshop } = event
      const isKnown = known.some(({ id }) => id === workshop.id)
      return isKnown ? known.map((other) => (other.id === workshop.id ? workshop : other)) : [workshop, ...known]
    }
    case 'ended':
      return known?.filter(({ id }) => id !== event.workshop)
    case 'seat':
    case 'progress':
    case 'warning':
      return known?.map((workshop) => workshopAfter(workshop, event) ?? workshop)
    default:
      return known
  }
}

/** Keeps every workshop up to date for as long as the page is there. */
export function useAllEvents(): StreamState {
  return useEvents('/api/events', hearAll)
}

/** The same for one workshop. */
export function useWorkshopEvents(id: string, isGone: boolean): StreamState {
  const hear = useMemo(() => (client: QueryClient, event: StreamEvent) => hearOne(client, id, event), [id])
  return useEvents(`/api/workshops/${encodeURIComponent(id)}/events`, hear, isGone)
}

function hearAll(client: QueryClient, event: StreamEvent): void {
  if (event.type === 'reach') client.setQueryData(reachQuery.queryKey, event.reach)
  // What a call brings later is older than what is told now.
  void client.cancelQueries({ queryKey: workshopsQuery.queryKey, exact: true })
  client.setQueryData(workshopsQuery.queryKey, (known: Workshop[] | undefined) => listAfter(known, event))
}

function hearOne(client: QueryClient, id: string, event: StreamEvent): void {
  const { queryKey } = workshopQuery(id)
  if (event.type === 'reach') {
    client.setQueryData(reachQuery.queryKey, event.reach)
    return
  }
  // A snapshot says that events were missed: this one perhaps among them.
  if (event.type === 'workshop') void client.invalidateQueries({ queryKey: reachQuery.queryKey })
  if (event.type === 'ended') {
    // The call says it in the words that the page shows.
    void client.invalidateQueries({ queryKey })
    return
  }
  void client.cancelQueries({ queryKey, exact: true })
  client.setQueryData(queryKey, (known: Workshop | undefined) => workshopAfter(known, event))
}

function useEvents(
  path: string,
  hear: (client: QueryClient, event: StreamEvent) => void,
  isOver = false,
): StreamState {
  const client = useQueryClient()
  const socket = useMemo(
    () =>
      new EventSocket(path, {
        event: (event) => hear(client, event),
        lost: () => void client.invalidateQueries({ queryKey: ['workshops'] }),
      }),
    [path, hear, client],
  )
  useEffect(() => {
    if (isOver) return
    socket.start()
    return () => socket.stop()
  }, [socket, isOver])
  return useSyncExternalStore(socket.subscribe, socket.getState)
}
