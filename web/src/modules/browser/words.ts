import type { BrowserWait } from '../../api/browser'

/** What a person who waits reads. */
export function waitWords({ status, position, phase }: BrowserWait): { title: string; text: string } {
  if (status === 'queued') {
    const before = (position ?? 1) - 1
    return {
      title: position === undefined || before === 0 ? 'You are next' : `${before} ${before === 1 ? 'learner' : 'learners'} before you`,
      text: 'All browsers that this machine has room for are in use. Yours starts by itself as soon as one is free; meanwhile Ports shows your server.',
    }
  }
  if (phase === 'resuming') return { title: 'Waking your browser…', text: 'It was paused while nobody looked. Its tabs are as you left them.' }
  return {
    title: 'Starting your browser…',
    text: phase === 'firefox' ? 'Firefox is opening.' : 'Usually it is there in less than ten seconds.',
  }
}

export type Quality = 'connected' | 'good' | 'fair' | 'poor' | 'lost' | 'unknown'

/** From what the frame reports every few seconds; a still page has no frames a second to count, so the way there decides. */
export function qualityOf(sample: { connected: boolean; rttMs: number | null } | null): Quality {
  if (sample === null) return 'unknown'
  if (!sample.connected) return 'lost'
  // Only one of several who look is told how long the way is.
  if (sample.rttMs === null) return 'connected'
  if (sample.rttMs < 80) return 'good'
  return sample.rttMs < 250 ? 'fair' : 'poor'
}

export const QUALITY_WORDS: Record<Quality, string> = {
  connected: 'Connected',
  good: 'Good connection',
  fair: 'Slow connection',
  poor: 'Very slow connection',
  lost: 'Connection lost, trying again',
  unknown: 'Connecting…',
}

/** Why the picture comes as single images, where it does; the frame has what this page has. */
export function simplePictureWords({ isSecure, hasDecoder }: { isSecure: boolean; hasDecoder: boolean }): string | null {
  if (isSecure && hasDecoder) return null
  const why = isSecure
    ? 'This web browser has no video decoder for pages (WebCodecs)'
    : 'This page came over plain http, where web browsers give pages no video decoder (WebCodecs)'
  const remedy = isSecure ? 'A current Chrome, Edge, Firefox or Safari shows video.' : 'An https address would show video.'
  return `${why}, so you get a simpler picture: single images (JPEG), which are less smooth and use more of the network. Mouse, keyboard and tabs work as always. ${remedy}`
}
