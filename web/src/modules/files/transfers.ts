// Uploads and unpackings under way: a few files at a time, progress, one question about what is in the way, cancel. It
// shows nothing; `TransferList` and `TransferDialogs` do.

import { unpack, type Unpacked } from '../../api/archive'
import { waitOrOnline } from '../../api/backoff'
import { isApiError, isPassing } from '../../api/client'
import { fileUrl, listFiles, makeFolder, type FileEntry } from '../../api/files'
import type { SeatAddress } from '../../api/seat'
import { isAborted, upload } from '../../api/upload'
import type { Dropped } from './dropped'
import { nameOf, parentOf, pathIn } from './tree'
import { conflictsOf, planOf, type Choice, type Item, type Taken } from './transferPlan'
import { count, isHopeless, skippedReason, transferProblem } from './transferWords'

const AT_A_TIME = 3
const TRIES = 4
const RETRY_MS = 1_500
const MOST_TURNS = 30

export interface Transfer {
  id: number
  kind: 'upload' | 'unpack'
  /** Where it goes; '' is the root. */
  folder: string
  label: string
  state: 'preparing' | 'asking' | 'sending' | 'done' | 'failed' | 'cancelled'
  files: { done: number; total: number }
  bytes: { done: number; total: number }
  /** While asking: what is in the way. */
  inTheWay: readonly string[]
  /** How it ended, in a sentence. */
  message: string
  /** What did not get there, and why. */
  problems: readonly { path: string; why: string }[]
}

export interface TransferCalls {
  list(folder: string): Promise<readonly FileEntry[]>
  makeFolder(path: string): Promise<void>
  put(item: Item, onProgress: (sent: number) => void, signal: AbortSignal): Promise<void>
  unpack(
    folder: string,
    archive: Blob,
    options: { overwrite: boolean; signal: AbortSignal; onProgress: (sent: number) => void },
  ): Promise<Unpacked>
}

export function transferCalls(address: SeatAddress): TransferCalls {
  return {
    list: async (folder) => (await listFiles(address, folder)).entries,
    makeFolder: (path) => makeFolder(address, path),
    put: async ({ path, file, replaces }, onProgress, signal) => {
      await upload(fileUrl(address, path), file, {
        method: 'PUT',
        headers: replaces ? {} : { 'If-None-Match': '*' },
        signal,
        onProgress,
      })
    },
    unpack: (folder, archive, options) => unpack(address, folder, archive, options),
  }
}

interface Control {
  abort: AbortController
  answer: ((choice: Choice | null) => void) | null
}

export class Transfers {
  private list: readonly Transfer[] = []
  private readonly controls = new Map<number, Control>()
  private readonly listeners = new Set<() => void>()
  private made = 0

  constructor(
    private readonly calls: TransferCalls,
    private readonly onArrived: () => void = () => undefined,
  ) {}

  getState = (): readonly Transfer[] => this.list

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  async upload(folder: string, dropped: Dropped): Promise<void> {
    const first = dropped.files[0]
    const label = dropped.files.length === 1 && first ? nameOf(first.path) : count(dropped.files.length, 'file')
    const total = dropped.files.reduce((sum, { file }) => sum + file.size, 0)
    const id = this.begin('upload', folder, label, dropped.files.length, total)
    await this.guarded(id, () => this.runUpload(id, folder, dropped))
  }

  async unpack(folder: string, archive: File): Promise<void> {
    const id = this.begin('unpack', folder, archive.name, 1, archive.size)
    await this.guarded(id, () => this.runUnpack(id, folder, archive))
  }

  /** To the one question; `null` calls the whole thing off. */
  answer(id: number, choice: Choice | null): void {
    this.controls.get(id)?.answer?.(choice)
  }

  cancel(id: number): void {
    this.controls.get(id)?.abort.abort()
    this.controls.get(id)?.answer?.(null)
  }

  dismiss(id: number): void {
    this.cancel(id)
    this.list = this.list.filter((transfer) => transfer.id !== id)
    this.tell()
  }

  get isBusy(): boolean {
    return this.list.some(({ state }) => !isOver(state))
  }

  private async runUpload(id: number, folder: string, dropped: Dropped): Promise<void> {
    const { signal } = this.control(id).abort
    const taken = await this.lookAt(folder, dropped.folders)
    const inTheWay = conflictsOf(folder, dropped.files, taken)
    const choice = inTheWay.length === 0 ? 'skip' : await this.ask(id, inTheWay)
    if (choice === null) throw cancelled()
    const plan = planOf(folder, dropped.files, taken, choice)
    const problems = plan.impossible.map((path) => ({ path, why: 'There is already something with this name.' }))
    this.change(id, { state: 'sending', problems })

    for (const path of dropped.folders) {
      if (signal.aborted) throw cancelled()
      await this.calls.makeFolder(pathIn(folder, path)).catch((error: unknown) => {
        if (!isApiError(error, 'exists')) throw error
      })
    }
    const sent = new Map<Item, number>()
    const progress = () => {
      const done = [...sent.values()].reduce((sum, bytes) => sum + bytes, 0)
      this.change(id, { bytes: { done, total: this.get(id)?.bytes.total ?? 0 } })
    }
    let arrived = 0
    const queue = [...plan.items]
    const work = async () => {
      for (let item = queue.shift(); item !== undefined; item = queue.shift()) {
        const current = item
        try {
          await this.put(
            current,
            (bytes) => {
              sent.set(current, bytes)
              progress()
            },
            signal,
          )
          arrived += 1
        } catch (error) {
          if (isAborted(error)) throw error
          if (isHopeless(error)) queue.length = 0
          problems.push({ path: current.path, why: transferProblem(error) })
        }
        sent.set(current, current.file.size)
        this.change(id, { files: { done: arrived, total: dropped.files.length }, problems: [...problems] })
        progress()
      }
    }
    try {
      await Promise.all(Array.from({ length: AT_A_TIME }, work))
    } finally {
      this.onArrived()
    }
    const left = plan.skipped.length > 0 ? ` ${count(plan.skipped.length, 'file')} left as it was.` : ''
    const where = folder === '' ? '' : ` to ${folder}`
    this.change(id, {
      state: problems.length > 0 ? 'failed' : 'done',
      message:
        dropped.files.length === 0
          ? `Made ${count(dropped.folders.length, 'folder')}${where}.`
          : `Uploaded ${arrived} of ${count(dropped.files.length, 'file')}${where}.${left}`,
    })
  }

  private async runUnpack(id: number, folder: string, archive: File): Promise<void> {
    const { signal } = this.control(id).abort
    const onProgress = (done: number) => this.change(id, { bytes: { done, total: archive.size } })
    this.change(id, { state: 'sending' })
    const attempt = (overwrite: boolean) =>
      untilItsTurn(() => this.calls.unpack(folder, archive, { overwrite, signal, onProgress }), signal)
    let unpacked: Unpacked
    try {
      unpacked = await attempt(false)
    } catch (error) {
      if (!isApiError(error, 'exists') || error.details.paths === undefined) throw error
      if ((await this.ask(id, error.details.paths)) !== 'replace') throw cancelled()
      this.change(id, { state: 'sending' })
      unpacked = await attempt(true)
    }
    this.onArrived()
    const { files, skipped, skippedTotal } = unpacked
    const left = skippedTotal > 0 ? ` ${count(skippedTotal, 'entry', 'entries')} left out.` : ''
    this.change(id, {
      state: skippedTotal > 0 ? 'failed' : 'done',
      files: { done: 1, total: 1 },
      message: `Unpacked ${count(files, 'file')} from ${archive.name}.${left}`,
      problems: skipped.map(({ path, reason }) => ({ path, why: `Left out: ${skippedReason(reason)}.` })),
    })
  }

  /** A connection that breaks is tried again. */
  private async put(item: Item, onProgress: (sent: number) => void, signal: AbortSignal): Promise<void> {
    for (let attempt = 1; ; attempt++) {
      try {
        return await this.calls.put(item, onProgress, signal)
      } catch (error) {
        if (!isPassing(error) || attempt === TRIES) throw error
        await waitOrOnline(RETRY_MS, signal)
      }
    }
  }

  /** What is there already, in those of the folders that are there. */
  private async lookAt(folder: string, folders: readonly string[]): Promise<Taken> {
    const taken = new Map<string, ReadonlyMap<string, 'folder' | 'file'>>()
    const look = async (path: string) => {
      const entries = await this.calls.list(path)
      taken.set(path, new Map(entries.map((entry) => [nameOf(entry.path), entry.kind === 'directory' ? 'folder' : 'file'])))
    }
    await look(folder)
    for (const relative of folders) {
      const path = pathIn(folder, relative)
      if (taken.get(parentOf(path))?.get(nameOf(path)) === 'folder') await look(path)
    }
    return taken
  }

  private async ask(id: number, inTheWay: readonly string[]): Promise<Choice | null> {
    const control = this.control(id)
    const answer = new Promise<Choice | null>((resolve) => {
      control.answer = resolve
    })
    this.change(id, { state: 'asking', inTheWay })
    const choice = await answer
    control.answer = null
    this.change(id, { state: 'preparing', inTheWay: [] })
    return choice
  }

  private async guarded(id: number, act: () => Promise<void>): Promise<void> {
    try {
      await act()
    } catch (error) {
      if (isAborted(error)) this.change(id, { state: 'cancelled', message: 'Cancelled.' })
      else this.change(id, { state: 'failed', message: transferProblem(error) })
    }
  }

  private begin(kind: Transfer['kind'], folder: string, label: string, files: number, bytes: number): number {
    const id = ++this.made
    this.controls.set(id, { abort: new AbortController(), answer: null })
    this.list = [
      ...this.list,
      {
        id,
        kind,
        folder,
        label,
        state: 'preparing',
        files: { done: 0, total: files },
        bytes: { done: 0, total: bytes },
        inTheWay: [],
        message: '',
        problems: [],
      },
    ]
    this.tell()
    return id
  }

  private control(id: number): Control {
    const control = this.controls.get(id)
    if (!control) throw new Error(`no transfer ${id}`)
    return control
  }

  private get(id: number): Transfer | undefined {
    return this.list.find((transfer) => transfer.id === id)
  }

  private change(id: number, change: Partial<Transfer>): void {
    this.list = this.list.map((transfer) => (transfer.id === id ? { ...transfer, ...change } : transfer))
    this.tell()
  }

  private tell(): void {
    this.listeners.forEach((listener) => listener())
  }
}

export function isOver(state: Transfer['state']): boolean {
  return state === 'done' || state === 'failed' || state === 'cancelled'
}

/** A seat unpacks few archives at a time, and says when to ask again. */
async function untilItsTurn<Answer>(act: () => Promise<Answer>, signal: AbortSignal): Promise<Answer> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await act()
    } catch (error) {
      if (!isApiError(error, 'busy') || attempt === MOST_TURNS) throw error
      await waitOrOnline((error.details.retryAfter ?? 1) * 1000, signal)
    }
  }
}

function cancelled(): DOMException {
  return new DOMException('Cancelled.', 'AbortError')
}
