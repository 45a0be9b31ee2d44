import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { listOpenPorts, listPorts, setOpenToClass } from '../../api/ports'
import type { SeatAddress } from '../../api/seat'

/** Servers start and stop in the terminal; the list follows while somebody looks. */
const REFRESH_MS = 2500

export interface SeatPortRow {
  port: number
  listens: boolean
  process: string
  openToClass: boolean
}

/** What listens and what the class may see, one row a port. */
export function usePorts(address: SeatAddress, generation: number, isShown: boolean) {
  const { endpoint, seat } = address
  const listening = useQuery({
    queryKey: ['ports', endpoint, seat, generation],
    queryFn: ({ signal }) => listPorts(address, signal),
    refetchInterval: REFRESH_MS,
    enabled: isShown,
  })
  const open = useQuery({
    queryKey: openKey(address, generation),
    queryFn: ({ signal }) => listOpenPorts(address, signal),
    refetchInterval: REFRESH_MS * 4,
    enabled: isShown,
  })
  const rows = [...new Set([...(listening.data ?? []).map(({ port }) => port), ...(open.data ?? [])])]
    .sort((a, b) => a - b)
    .map((port): SeatPortRow => {
      const found = listening.data?.find((row) => row.port === port)
      const [listens, process] = [found !== undefined, found?.process ?? '']
      return { port, listens, process, openToClass: open.data?.includes(port) ?? false }
    })
  return { rows, isLoading: listening.isLoading, error: listening.data ? null : listening.error, retry: listening.refetch }
}

export function useOpenToClass(address: SeatAddress, generation: number) {
  const client = useQueryClient()
  return useMutation({
    mutationFn: ({ port, open }: { port: number; open: boolean }) => setOpenToClass(address, port, open),
    onSuccess: (ports) => client.setQueryData(openKey(address, generation), ports),
  })
}

function openKey({ endpoint, seat }: SeatAddress, generation: number): readonly unknown[] {
  return ['open-ports', endpoint, seat, generation]
}
