// From what was seen of other devices to what to say.

import type { Reach } from '../../api/types'

export type ReachStage = 'waiting' | 'nothing' | 'page' | 'blocked' | 'reached'

/** A page that is there opens its connection at once: later than this it won't come. */
const CONNECTION_MS = 8000
/** Somebody who was told to open it now has done so. */
const PATIENCE_SECONDS = 60

export function reachStage(reach: Reach, waitedSeconds: number, now: number): ReachStage {
  if (reach.websocket_at !== null) return 'reached'
  if (reach.page_at !== null) return now - Date.parse(reach.page_at) > CONNECTION_MS ? 'blocked' : 'page'
  return waitedSeconds >= PATIENCE_SECONDS ? 'nothing' : 'waiting'
}

/** What a firewall has to let in. */
export function portOf(joinUrl: string): string {
  const { port, protocol } = new URL(joinUrl)
  return port !== '' ? port : protocol === 'https:' ? '443' : '80'
}

/** Whether learners come to this very machine, over plain http: a room, not a server behind a domain. */
export function isInRoom(joinUrl: string): boolean {
  return new URL(joinUrl).protocol === 'http:'
}
