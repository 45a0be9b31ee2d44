// What this page and the streamed browser's own page say to each other. That page is ours (images/browser), but its origin
// carries what a learner's browser shows: what comes is parsed, and nothing but this is ever taken from there.

import { isRecord } from '../../api/client'

export const CHANNEL = 'clarateach-browser'

/** To the frame. */
export type ToFrame =
  | { type: 'attach' }
  /** A new tab of the seat's browser at `http://localhost:<port>/`. */
  | { type: 'open'; port: number }
  | { type: 'clipboard'; text: string }
  | { type: 'focus' }
  /** Of this page alone; others that look have their own. */
  | { type: 'sound'; on: boolean }

/** From the frame. */
export type FromFrame =
  | { type: 'attached' }
  | { type: 'quality'; connected: boolean; rttMs: number | null; fps: number; encoder: string }
  | { type: 'clipboard'; text: string }
  | { type: 'opened'; port: number; ok: boolean }
  | { type: 'sound'; state: SoundState }

const SOUND_STATES = [
  'off',
  'starting',
  'on',
  /** It comes, and the visitor's web browser plays nothing before a click. */
  'blocked',
  'failed',
] as const
export type SoundState = (typeof SOUND_STATES)[number]

const LONGEST_TEXT = 1024 * 1024

export function parseFromFrame(data: unknown): FromFrame | null {
  if (!isRecord(data) || data['channel'] !== CHANNEL) return null
  switch (data['type']) {
    case 'attached':
      return { type: 'attached' }
    case 'quality': {
      const { connected, rttMs, fps, encoder } = data
      return {
        type: 'quality',
        connected: connected === true,
        rttMs: isAmount(rttMs) ? rttMs : null,
        fps: isAmount(fps) ? fps : 0,
        encoder: typeof encoder === 'string' ? encoder.slice(0, 40) : '',
      }
    }
    case 'clipboard': {
      const { text } = data
      return typeof text === 'string' && text.length <= LONGEST_TEXT ? { type: 'clipboard', text } : null
    }
    case 'opened': {
      const { port, ok } = data
      return isAmount(port) ? { type: 'opened', port, ok: ok === true } : null
    }
    case 'sound': {
      const state = SOUND_STATES.find((known) => known === data['state'])
      return state === undefined ? null : { type: 'sound', state }
    }
    default:
      return null
  }
}

/** Its origin only: a frame that went elsewhere hears nothing. */
export function tellFrame(frame: HTMLIFrameElement | null, origin: string, message: ToFrame): void {
  frame?.contentWindow?.postMessage({ channel: CHANNEL, ...message }, origin)
}

function isAmount(value: unknown): value is number {
  return typeof value === 'number' && Number.isFinite(value) && value >= 0
}
