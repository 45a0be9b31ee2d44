// From the seat's news of changes to the listings that have to be asked for again: only those that are shown, in bundles,
// never two at a time. It knows neither sockets nor queries.

import type { FileEvent } from '../../api/fileEvents'
import { isInside, parentOf, ROOT } from './tree'

/** News comes in flocks: a moment's patience makes one request of many. */
const GATHER_MS = 30
/** However busy the seat is, listings are not asked for more often than this. */
const GAP_MS = 250
/** A file that only grows changes nothing but a size, which can wait. */
const SIZES_MS = 2_000
const MOST_EVENTS = 1_000

/** The shown folders whose listings an event makes doubtful. */
export function foldersToRefresh({ kind, path }: FileEvent, shown: Iterable<string>): string[] {
  return [...shown].filter((folder) => {
    const isBelow = path === ROOT || isInside(folder, path)
    switch (kind) {
      case 'rescan':
        return isBelow
      case 'created': // What was known of a folder of this name was of another one.
        return isBelow || folder === parentOf(path)
      case 'changed':
      case 'removed':
        return folder === parentOf(path) && path !== ROOT
    }
  })
}

export interface RefresherCalls {
  /** Settles when the listings are there. */
  refresh(folders: readonly string[]): Promise<unknown>
  shown(): Iterable<string>
  /** The same news, in bundles, for whoever else wants it. */
  tell(events: readonly FileEvent[]): void
}

export class Refresher {
  private readonly due = new Set<string>()
  private readonly sizes = new Set<string>()
  private news: FileEvent[] = []
  private timer: ReturnType<typeof setTimeout> | undefined
  private sizesTimer: ReturnType<typeof setTimeout> | undefined
  private newsTimer: ReturnType<typeof setTimeout> | undefined
  private busy = false
  private disposed = false

  constructor(private readonly calls: RefresherCalls) {}

  add(event: FileEvent): void {
    this.news = this.news.length < MOST_EVENTS ? [...this.news, event] : [{ kind: 'rescan', path: ROOT }]
    this.newsTimer ??= setTimeout(() => this.passOn(), GATHER_MS)
    const folders = foldersToRefresh(event, this.calls.shown())
    if (event.kind === 'changed') {
      folders.forEach((folder) => this.sizes.add(folder))
      if (folders.length > 0) this.sizesTimer ??= setTimeout(() => this.takeSizes(), SIZES_MS)
    } else {
      folders.forEach((folder) => this.due.add(folder))
      this.plan(GATHER_MS)
    }
  }

  dispose(): void {
    this.disposed = true
    clearTimeout(this.timer)
    clearTimeout(this.sizesTimer)
    clearTimeout(this.newsTimer)
  }

  private passOn(): void {
    this.newsTimer = undefined
    this.calls.tell(this.news.splice(0))
  }

  private takeSizes(): void {
    this.sizesTimer = undefined
    this.sizes.forEach((folder) => this.due.add(folder))
    this.sizes.clear()
    this.plan(GATHER_MS)
  }

  private plan(delay: number): void {
    if (this.busy || this.disposed || this.due.size === 0) return
    this.timer ??= setTimeout(() => void this.flush(), delay)
  }

  private async flush(): Promise<void> {
    this.timer = undefined
    this.busy = true
    const folders = [...this.due]
    this.due.clear()
    // What a refresh brings is newer than what was waiting to be measured.
    folders.forEach((folder) => this.sizes.delete(folder))
    try {
      await this.calls.refresh(folders)
    } finally {
      this.busy = false
      this.plan(GAP_MS)
    }
  }
}
