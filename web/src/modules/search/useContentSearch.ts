import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { isApiError, isPassing } from '../../api/client'
import { searchContents, type ContentQuery } from '../../api/search'
import type { SeatAddress } from '../../api/seat'

const MOST_TRIES = 8

/** The former search ends when another begins: the seat runs only a few at a time. */
export function useContentSearch(address: SeatAddress, generation: number, query: ContentQuery) {
  const { endpoint, seat } = address
  return useQuery({
    queryKey: ['search', endpoint, seat, generation, query],
    queryFn: ({ signal }) => searchContents({ endpoint, seat }, query, signal),
    enabled: query.text !== '',
    placeholderData: query.text === '' ? undefined : keepPreviousData,
    gcTime: 0,
    staleTime: Infinity, // Whoever wants to know again presses Enter.
    retry: (failures, error) => failures < MOST_TRIES && (isPassing(error) || isApiError(error, 'busy')),
  })
}
