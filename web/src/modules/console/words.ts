// How the console says what the API says.

import type { Presence, Progress, SeatStatus, WorkshopStatus } from '../../api/types'
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
  away: 'away',
}

const PHASES: Record<Progress['phase'], string> = {
  image: 'Fetching the image',
  network: 'Making the network',
  seats: 'Making seats',
  ending: 'Removing seats',
}

export function progressLabel({ phase, done, total }: Progress): string {
  const words = PHASES[phase]
  return phase === 'seats' || phase === 'ending' ? `${words}: ${done} of ${total}` : `${words}…`
}
