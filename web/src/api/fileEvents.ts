// What the seat tells of changes to its files, as the text messages of `files-events`. Parsed, never trusted.

import { isRecord } from './client'
import { seatSocketUrl, type SeatAddress } from './seat'

export interface FileEvent {
  /** `rescan`: anything at the path and below it may differ. */
  kind: 'created' | 'changed' | 'removed' | 'rescan'
  /** As in listings; '' is the root. */
  path: string
}

export function fileEventsUrl(address: SeatAddress): string {
  return seatSocketUrl(address, 'files-events', new URLSearchParams())
}

/** What this page does not understand is a reason to look at everything again: a newer seat may say more. */
export function parseFileEvent(data: string): FileEvent {
  try {
    const value: unknown = JSON.parse(data)
    if (isRecord(value) && typeof value['path'] === 'string') {
      const { kind, path } = value
      if (kind === 'created' || kind === 'changed' || kind === 'removed' || kind === 'rescan') return { kind, path }
    }
  } catch {
    // Falls through.
  }
  return { kind: 'rescan', path: '' }
}
