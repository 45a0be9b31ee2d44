import { useMutation, useQueries, useQueryClient } from '@tanstack/react-query'
import { deletePath, listFiles, makeFolder, movePath, writeFile } from '../../api/files'
import type { SeatAddress } from '../../api/seat'
import { ROOT, sorted, type Listings } from './tree'

/** While the seat's news does not reach this page, what is shown is asked for again now and then. */
const REFRESH_MS = 10_000

export function filesKey({ endpoint, seat }: SeatAddress): readonly unknown[] {
  return ['files', endpoint, seat]
}

/** The listings of the root and of every expanded folder. */
export function useListings(address: SeatAddress, generation: number, expanded: ReadonlySet<string>, live: boolean) {
  const folders = [ROOT, ...expanded]
  return useQueries({
    queries: folders.map((folder) => ({
      queryKey: [...filesKey(address), generation, folder],
      queryFn: async ({ signal }: { signal: AbortSignal }) => sorted(await listFiles(address, folder, signal)),
      refetchInterval: live ? (false as const) : REFRESH_MS,
    })),
    combine: (results) => {
      const listings: Listings = new Map(
        results.flatMap((result, index) => (result.data ? [[folders[index] ?? ROOT, result.data] as const] : [])),
      )
      return {
        listings,
        isLoading: results[0]?.isLoading ?? true,
        isRefreshing: results.some((result) => result.isFetching),
        error: results[0]?.data ? null : (results[0]?.error ?? null),
        folderError: results.find((result) => result.error && !result.data)?.error ?? null,
      }
    },
  })
}

export function useRefreshFiles(address: SeatAddress) {
  const client = useQueryClient()
  return () => client.invalidateQueries({ queryKey: filesKey(address) })
}

export type FileChange =
  | { type: 'new_file' | 'new_folder'; path: string }
  | { type: 'rename'; path: string; to: string }
  | { type: 'delete'; path: string; isFolder: boolean }

export function useFileChange(address: SeatAddress) {
  const refresh = useRefreshFiles(address)
  return useMutation({
    mutationFn: async (change: FileChange) => {
      switch (change.type) {
        case 'new_file':
          await writeFile(address, change.path, new Uint8Array(0), { absent: true })
          return
        case 'new_folder':
          return makeFolder(address, change.path)
        case 'rename':
          return movePath(address, change.path, change.to)
        case 'delete':
          return deletePath(address, change.path, change.isFolder)
      }
    },
    onSettled: () => refresh(),
  })
}
