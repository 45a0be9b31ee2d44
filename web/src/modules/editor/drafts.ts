// Unsaved texts in this browser's storage: what a reload, a crash or a closed lid would otherwise take.

import { isRecord } from '../../api/client'
import type { SeatStorage } from '../auth/seatStorage'

export interface Draft {
  text: string
  /** The version that it was written on; null: the file was not on the seat. */
  etag: string | null
}

const DELAY_MS = 400

export class Drafts {
  private readonly timers = new Map<string, ReturnType<typeof setTimeout>>()

  constructor(private readonly storage: SeatStorage) {}

  get(path: string): Draft | null {
    const value = this.storage.get(keyOf(path))
    if (!isRecord(value) || typeof value['text'] !== 'string') return null
    return { text: value['text'], etag: typeof value['etag'] === 'string' ? value['etag'] : null }
  }

  set(path: string, draft: Draft): void {
    this.storage.set(keyOf(path), draft)
  }

  /** Once typing rests for a moment. */
  soon(path: string, keep: () => void): void {
    clearTimeout(this.timers.get(path))
    const act = () => {
      this.timers.delete(path)
      keep()
    }
    this.timers.set(path, setTimeout(act, DELAY_MS))
  }

  drop(path: string): void {
    clearTimeout(this.timers.get(path))
    this.timers.delete(path)
    this.storage.remove(keyOf(path))
  }
}

function keyOf(path: string): string {
  return `draft:${path}`
}
