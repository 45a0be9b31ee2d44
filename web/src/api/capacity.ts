// What the machine has room for.

import { queryOptions } from '@tanstack/react-query'
import { sendJson } from './client'
import type { Capacity } from './types'

/** Asked anew whenever somebody is about to use it. */
export const capacityQuery = queryOptions({
  queryKey: ['capacity'],
  queryFn: ({ signal }) => sendJson<Capacity>('/api/capacity', { signal }),
  staleTime: 10_000,
})
