import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import type { SeatAddress } from '../../api/seat'
import { seatStats } from '../../api/stats'
import { isRecord } from '../../api/client'
import type { SeatStorage } from '../auth/seatStorage'
import { killsSince, type ToldKills } from './levels'

const REFRESH_MS = 10_000
const KEY = 'out_of_memory'

/** What the seat uses, while somebody looks; and how many programs were ended that the person was not told of. */
export function useResources(address: SeatAddress, generation: number, storage: SeatStorage) {
  const { endpoint, seat } = address
  const stats = useQuery({
    queryKey: ['stats', endpoint, seat, generation],
    queryFn: ({ signal }) => seatStats({ endpoint, seat }, signal),
    refetchInterval: REFRESH_MS,
  })

  const [told, setTold] = useState(() => readTold(storage))
  const [news, setNews] = useState(0)
  const kills = stats.data?.outOfMemoryKills
  if (kills !== undefined && (told?.generation !== generation || told.kills !== kills)) {
    const next = killsSince(told, generation, kills)
    setTold(next.told)
    setNews((before) => before + next.news)
    storage.set(KEY, next.told)
  }

  return { stats: stats.data ?? null, killed: news, dismissKilled: () => setNews(0) }
}

function readTold(storage: SeatStorage): ToldKills | null {
  const value = storage.get(KEY)
  if (!isRecord(value)) return null
  const { generation, kills } = value
  return typeof generation === 'number' && typeof kills === 'number' ? { generation, kills } : null
}
