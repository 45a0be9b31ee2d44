// What the seat uses of what it has. Parsed, never trusted.

import { ApiError, BAD_ANSWER, isRecord, sendJson } from './client'
import { seatUrl, type SeatAddress } from './seat'

export interface Usage {
  /** Bytes that cannot be given back at once. */
  used: number
  /** null: no limit that the seat knows of. */
  limit: number | null
}

export interface SeatStats {
  memory: Usage
  disk: Usage
  /** Programs that the seat's system has ended for want of memory, since the seat started. */
  outOfMemoryKills: number
}

export async function seatStats(address: SeatAddress, signal: AbortSignal): Promise<SeatStats> {
  return parseStats(await sendJson<unknown>(seatUrl(address, 'stats'), { signal }))
}

export function parseStats(answer: unknown): SeatStats {
  if (!isRecord(answer)) throw badAnswer()
  const kills = isRecord(answer['out_of_memory']) ? answer['out_of_memory']['kills'] : 0
  return {
    memory: parseUsage(answer['memory']),
    disk: parseUsage(answer['disk']),
    outOfMemoryKills: countOf(kills) ?? 0,
  }
}

function parseUsage(value: unknown): Usage {
  if (!isRecord(value)) throw badAnswer()
  const [used, limit, reclaimable] = [value['used'], value['limit'], value['reclaimable']].map(countOf)
  if (used === undefined) throw badAnswer()
  // Pages of files that the kernel keeps because it can are no burden.
  return { used: Math.max(0, used - (reclaimable ?? 0)), limit: limit === undefined || limit === 0 ? null : limit }
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0 ? value : undefined
}

function badAnswer(): ApiError {
  return new ApiError(BAD_ANSWER, 'The seat told what it uses in a way that this page does not understand.', 200)
}
