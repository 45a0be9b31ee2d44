// How full a seat is, in three levels, and whether a program was ended that nobody has been told of.

import type { Usage } from '../../api/stats'

export type Level = 'ok' | 'amber' | 'red'

const AMBER_FROM = 0.85
const RED_FROM = 0.95

/** null where there is no limit. */
export function shareOf({ used, limit }: Usage): number | null {
  return limit === null ? null : Math.min(1, used / limit)
}

export function levelOf(usage: Usage): Level {
  const share = shareOf(usage) ?? 0
  if (share >= RED_FROM) return 'red'
  return share >= AMBER_FROM ? 'amber' : 'ok'
}

export function worse(a: Level, b: Level): Level {
  const order: Level[] = ['ok', 'amber', 'red']
  return order.indexOf(a) >= order.indexOf(b) ? a : b
}

/** Never 100 % while something is left. */
export function percent(share: number): string {
  return `${share >= 1 ? 100 : Math.min(99, Math.round(share * 100))} %`
}

/** What this browser has told its person already. A seat that was started anew counts from nothing. */
export interface ToldKills {
  generation: number
  kills: number
}

export type KillsNews = { news: number; told: ToldKills }

/** A first look knows of nothing new: whoever comes back later need not read about an hour ago. */
export function killsSince(told: ToldKills | null, generation: number, kills: number): KillsNews {
  const known = told?.generation === generation && told.kills <= kills ? told.kills : kills
  return { news: kills - known, told: { generation, kills } }
}
