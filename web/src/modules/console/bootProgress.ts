// How far the making of a workshop is, in figures that never promise what the server does not know.

import type { Progress } from '../../api/types'
import { progressLabel } from './words'

export interface BootBar {
  label: string
  /** Of the whole way; 0 to 1. */
  share: number
  /** Empty while nobody knows. */
  left: string
}

/** `age` is how long ago the server said it, in milliseconds: time goes on between its words. */
export function bootBar(progress: Progress, age: number): BootBar {
  const { percent, done, total, seconds_left: secondsLeft, pulled } = progress
  const share = typeof percent === 'number' ? percent / 100 : total > 0 ? done / total : 0
  return {
    label: pulled ? `Fetching the image: ${pulledWords(pulled)}` : progressLabel(progress),
    share: Math.min(Math.max(share, 0), 1),
    left: typeof secondsLeft === 'number' ? leftWords(secondsLeft - age / 1000) : '',
  }
}

function leftWords(seconds: number): string {
  if (seconds <= 3) return 'a moment left'
  if (seconds < 60) return `about ${Math.ceil(seconds)} s left`
  return `about ${Math.ceil(seconds / 60)} min left`
}

function pulledWords({ bytes, of }: NonNullable<Progress['pulled']>): string {
  const megabytes = (value: number) => `${Math.round(value / 1e6).toLocaleString()} MB`
  return typeof of === 'number' && of > 0 ? `${megabytes(Math.min(bytes, of))} of ${megabytes(of)}` : megabytes(bytes)
}
