// How the console says what the API says.

import type { Learner, Presence, Progress, SeatBrowser, SeatStatus, Workshop, WorkshopStatus } from '../../api/types'
import type { Tone } from '../../components/Badge'

export const WORKSHOP_STATUS: Record<WorkshopStatus, { label: string; tone: Tone }> = {
  scheduled: { label: 'Scheduled', tone: 'neutral' },
  provisioning: { label: 'Preparing', tone: 'accent' },
  ready: { label: 'Ready', tone: 'ok' },
  ending: { label: 'Ending', tone: 'warn' },
  ended: { label: 'Ended', tone: 'neutral' },
  failed: { label: 'Failed', tone: 'danger' },
}

export const SEAT_STATUS: Record<SeatStatus, { label: string; tone: Tone }> = {
  provisioning: { label: 'Preparing', tone: 'accent' },
  ready: { label: 'Free', tone: 'neutral' },
  occupied: { label: 'Taken', tone: 'ok' },
  recovering: { label: 'Recovering', tone: 'warn' },
  failed: { label: 'Failed', tone: 'danger' },
  terminating: { label: 'Ending', tone: 'warn' },
}

export const PRESENCE: Record<Presence, string> = {
  never: 'not there yet',
  active: 'active',
  idle: 'idle',
  away: 'away',
  left: 'left',
}

/** The tooltip of a presence: what it means, and since when. */
export function presenceHint({ presence, presence_since: since, joined_at: joined }: Learner, now = new Date()): string {
  const at = (text: string) => timeOf(new Date(text), now)
  switch (presence) {
    case 'never':
      return `Joined ${at(joined)}, and has not opened the seat yet`
    case 'active':
      return since ? `Here and working since ${at(since)}` : 'Here and working'
    case 'idle':
      return since ? `Has the seat open; did nothing since ${at(since)}` : 'Has the seat open'
    case 'away':
      return since ? `The connection is gone since ${at(since)}` : 'The connection is gone'
    case 'left':
      return since ? `Gone since ${at(since)}. The seat stays theirs` : 'Gone. The seat stays theirs'
  }
}

/** Clocks of a server and of a laptop differ by less. */
const CLOCKS_DIFFER_BY_MINUTES = 10

/** The server's clock says that the end is near, this machine's how near. `null`: it is not, or was put off since. */
export function minutesToWarnOf(warning: Workshop['warning'], left: number | null): number | null {
  if (!warning || left === null || left > warning.minutes + CLOCKS_DIFFER_BY_MINUTES) return null
  return Math.min(left, warning.minutes)
}

/** A length of time as people say it. */
function lengthOf(minutes: number): string {
  const [unit, size] = minutes % (24 * 60) === 0 ? ['day', 24 * 60] : minutes % 60 === 0 ? ['hour', 60] : ['minute', 1]
  const count = minutes / size
  return count === 1 ? `${unit === 'hour' ? 'an' : 'a'} ${unit}` : `${count} ${unit}s`
}

/** What becomes of a workshop that nobody uses; `null`: nothing. `left`: minutes until it ends for that. */
export function idleWords(idle: Workshop['idle'], left: number | null, now = new Date()): string | null {
  if (!idle) return null
  const rule = lengthOf(idle.after_minutes)
  if (idle.ends_at && left !== null) {
    const time = timeOfDay(idle.ends_at, now)
    return left < 120 ? `Nobody uses it: ends ${time}, in ${left} min` : `Nobody uses it: ends ${time} if that stays so`
  }
  const kept = idle.kept_until ? `; kept until ${timeOfDay(idle.kept_until, now)}` : ''
  return `Ends when nobody used it for ${rule}${kept}`
}

/** A moment as `datetime-local` fields have it, in this machine's time zone. */
export function inLocalTime(moment: string | null): string {
  if (moment === null) return ''
  const date = new Date(moment)
  const two = (value: number) => String(value).padStart(2, '0')
  const day = `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
  return `${day}T${two(date.getHours())}:${two(date.getMinutes())}`
}

/** And back, as the API has it; `null` for what is no time. */
export function momentOf(localTime: string): string | null {
  const date = new Date(localTime)
  return localTime === '' || Number.isNaN(date.getTime()) ? null : date.toISOString()
}

/** What a time in a field means, for those who plan for another place: its zone, and the difference at that time of the year. */
export function zoneWords(localTime: string, now = new Date()): string {
  const moment = momentOf(localTime)
  const name = Intl.DateTimeFormat().resolvedOptions().timeZone.replaceAll('_', ' ')
  const minutes = -(moment === null ? now : new Date(moment)).getTimezoneOffset()
  const two = (value: number) => String(value).padStart(2, '0')
  const offset = `UTC${minutes < 0 ? '−' : '+'}${two(Math.floor(Math.abs(minutes) / 60))}:${two(Math.abs(minutes) % 60)}`
  return name && name !== 'UTC' ? `${name}, ${offset}` : offset
}

/** A moment that the API tells, as people say it. */
export function timeOfDay(moment: string | null | undefined, now = new Date()): string {
  return moment ? timeOf(new Date(moment), now) : ''
}

/** The time of day; on another day, the day too. */
function timeOf(moment: Date, now: Date): string {
  const isToday = moment.toDateString() === now.toDateString()
  return isToday
    ? moment.toLocaleTimeString([], { hour: '2-digit', minute: '2-digit' })
    : moment.toLocaleString([], { weekday: 'short', day: 'numeric', month: 'short', hour: '2-digit', minute: '2-digit' })
}

const PHASES: Record<Progress['phase'], string> = {
  image: 'Fetching the image',
  network: 'Making the network',
  create: 'Making seats',
  start: 'Starting seats',
  probe: 'Waiting for seats to answer',
  bind: 'Trying seats',
  ending: 'Removing seats',
}

export function progressLabel({ phase, done, total }: Progress): string {
  const words = PHASES[phase]
  return phase !== 'image' && phase !== 'network' ? `${words}: ${done} of ${total}` : `${words}…`
}

/** What the instructor reads of a seat's browser; nothing of one that nobody opened. */
export function browserWords({ status, position }: SeatBrowser): string | null {
  switch (status) {
    case 'absent':
      return null
    case 'queued':
      return position ? `Browser waits, number ${position}` : 'Browser waits'
    case 'starting':
      return 'Browser starts'
    case 'running':
      return 'Browser open'
    case 'paused':
      return 'Browser paused'
    case 'failed':
      return 'Browser failed'
  }
}
