import type { BrowserWait } from '../../api/browser'
import type { SoundState } from './bridge'

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

/** Why sound can't be had here, where it can't; the frame has what this page has. */
export function noSoundWords({ isSecure, hasPlayer }: { isSecure: boolean; hasPlayer: boolean }): string | null {
  if (!isSecure) {
    return 'No sound here: this page came over plain http, where web browsers let pages play no streamed sound (AudioWorklet). An https address would have sound.'
  }
  return hasPlayer ? null : 'No sound here: this web browser can’t play streamed sound (AudioWorklet). A current Chrome, Edge, Firefox or Safari can.'
}

/** What the sound does, and what to do about it. */
export function soundWords(isWanted: boolean, state: SoundState): string {
  if (!isWanted) return 'Sound is off. Turn it on'
  switch (state) {
    case 'on':
      return 'Sound is on. Turn it off'
    case 'blocked':
      return 'Your web browser plays no sound before you click. Click into the picture.'
    case 'failed':
      return 'The sound of the seat’s browser did not start.'
    case 'off':
    case 'starting':
      return 'Turning the sound on…'
  }
}
