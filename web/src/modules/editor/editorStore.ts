// Opens, saves and keeps up with files: the I/O around the `documents` reducer. It holds every unsaved text twice (in the
// editor's buffer and in this browser's storage), so that neither a reconnect nor a reload loses one.

import { isApiError, isRecord, messageOf } from '../../api/client'
import type { FileEvent } from '../../api/fileEvents'
import { makeParents, readFile, writeFile, type FileContent } from '../../api/files'
import type { SeatAddress } from '../../api/seat'
import type { SeatStorage } from '../auth/seatStorage'
import type { Buffers, Place } from './buffers'
import {
  movedPath,
  NO_DOCUMENTS,
  reduceDocuments,
  type Document,
  type DocumentAction,
  type Documents,
} from './documents'
import { Drafts } from './drafts'
import { decodeText, LARGEST_BYTES, tooLarge, type Decoded } from './text'

export interface FileCalls {
  read(path: string, knownEtag?: string): Promise<FileContent | null>
  write(path: string, text: string, expect: { absent: true } | { etag: string }): Promise<string>
  makeParents(path: string): Promise<void>
}

export function fileCalls(address: SeatAddress): FileCalls {
  const encoder = new TextEncoder()
  return {
    read: (path, knownEtag) => readFile(address, path, LARGEST_BYTES, knownEtag),
    write: (path, text, expect) => writeFile(address, path, encoder.encode(text), expect),
    makeParents: (path) => makeParents(address, path),
  }
}

const OPEN_KEY = 'open'
/** No file of this name any more; perhaps something else. */
const GONE_CODES = ['not_found', 'not_a_directory', 'is_directory', 'not_a_file']

export class EditorStore<B extends Buffers = Buffers> {
  private state: Documents = NO_DOCUMENTS
  private readonly listeners = new Set<() => void>()
  private readonly drafts: Drafts
  private readonly checking = new Set<string>()
  private readonly checkAgain = new Set<string>()
  private readonly places = new Map<string, Place>()
  private buffers: Promise<B> | null = null

  constructor(
    private readonly files: FileCalls,
    private readonly storage: SeatStorage,
    private readonly loadBuffers: () => Promise<B>,
    private readonly onWritten: () => void = () => undefined,
  ) {
    this.drafts = new Drafts(storage)
  }

  getState = (): Documents => this.state

  subscribe = (listener: () => void): (() => void) => {
    this.listeners.add(listener)
    return () => this.listeners.delete(listener)
  }

  /** The tabs of the last visit. */
  restore(): void {
    if (this.state.open.length > 0) return
    const saved = this.storage.get(OPEN_KEY)
    if (!isRecord(saved) || !Array.isArray(saved['paths'])) return
    const paths = saved['paths'].filter((path): path is string => typeof path === 'string')
    for (const path of paths) void this.open(path, undefined, path === saved['active'])
    const first = paths[0]
    if (this.state.active === null && first !== undefined) this.activate(first)
  }

  async open(path: string, size?: number, activate = true): Promise<void> {
    const known = this.find(path)
    this.dispatch({ type: 'opened', path, activate })
    if (known && known.status !== 'failed') return
    const large = size === undefined ? null : tooLarge(size)
    if (large !== null) this.dispatch({ type: 'declined', path, message: large })
    else await this.load(path)
  }

  /** At a place of it: a match of a search. */
  async openAt(path: string, place: Place): Promise<void> {
    this.places.set(path, place)
    await this.open(path)
    await this.showPlace(path)
  }

  /** For somebody who asked for this very file. */
  async openAndFocus(path: string): Promise<void> {
    await this.open(path)
    if (this.find(path)?.status === 'ready') (await this.ready()).focus()
  }

  activate(path: string): void {
    this.dispatch({ type: 'activated', path })
    void this.catchUp()
  }

  close(path: string): void {
    this.drafts.drop(path)
    this.dispatch({ type: 'closed', path })
    void this.buffers?.then(
      (buffers) => buffers.dispose(path),
      () => undefined,
    )
  }

  /** Told by the buffers at every change of a text. */
  edited(path: string, dirty: boolean): void {
    this.dispatch({ type: 'edited', path, dirty })
    this.drafts.soon(path, () => void this.keepDraft(path))
  }

  async save(path: string, overwrite = false): Promise<void> {
    const document = this.find(path)
    if (document?.status !== 'ready' || document.saving) return
    const buffers = await this.ready()
    const etag = overwrite && document.conflict ? document.conflict.etag : document.etag
    const text = buffers.text(path)
    const version = buffers.version(path)
    this.dispatch({ type: 'saving', path })
    try {
      const written = await this.write(path, text, etag)
      buffers.markSaved(path, version)
      const dirty = buffers.isDirty(path)
      this.dispatch({ type: 'saved', path, etag: written, dirty })
      if (!dirty) this.drafts.drop(path)
      this.onWritten()
    } catch (error) {
      await this.saveFailed(path, error)
    }
    if (this.checkAgain.delete(path)) void this.check(path)
  }

  /** The seat has changed under an edited text, and the person wants their own: the next save takes the place of it. */
  keepMine(path: string): void {
    this.dispatch({ type: 'kept_mine', path })
    void this.keepDraft(path)
  }

  /** What the seat has, to be compared with. */
  async theirs(path: string): Promise<{ text: string } | { declined: string }> {
    const content = await this.files.read(path)
    return content ? decode(content) : { declined: 'There is nothing to compare with.' }
  }

  /** Gives up the own text for what the seat has. */
  async reload(path: string): Promise<void> {
    this.drafts.drop(path)
    await this.load(path)
  }

  dismiss(path: string): void {
    this.dispatch({ type: 'notice_dismissed', path })
  }

  /** Looks at the file in front; what programs did to the others is seen when they come to the front. */
  async catchUp(): Promise<void> {
    if (this.state.active !== null) await this.check(this.state.active)
  }

  /** Told of changes on the seat: looks at the open files that they are about, the one in front first. */
  async outside(events: readonly FileEvent[]): Promise<void> {
    const { active, open } = this.state
    const touched = open.map(({ path }) => path).filter((path) => events.some((event) => isAbout(event, path)))
    touched.sort((a, b) => Number(b === active) - Number(a === active))
    for (const path of touched) await this.check(path)
  }

  moved(from: string, to: string): void {
    const before = this.state.open
    this.dispatch({ type: 'moved', from, to })
    for (const { path, dirty } of before) {
      const target = movedPath(path, { from, to })
      if (target === path) continue
      this.drafts.drop(path)
      void this.buffers?.then(
        (buffers) => {
          buffers.move(path, target)
          // The seat may have told of the old name's end before this page knew of the new one.
          void this.check(target)
        },
        () => undefined,
      )
      if (dirty) this.edited(target, true)
    }
  }

  /** A text that was changed here outlives its file: its tab stays. */
  deleted(path: string): void {
    for (const document of this.state.open) {
      if (movedPath(document.path, { from: path, to: '' }) !== document.path && !document.dirty)
        this.close(document.path)
    }
  }

  get hasUnsaved(): boolean {
    return this.state.open.some((document) => document.dirty)
  }

  private async load(path: string): Promise<void> {
    try {
      const [content, buffers] = await Promise.all([this.files.read(path), this.ready()])
      if (content === null || !this.find(path)) return
      await this.show(path, content, buffers)
    } catch (error) {
      const draft = this.drafts.get(path)
      if (isApiError(error, 'not_found') && draft) {
        const buffers = await this.ready()
        buffers.create(path, '', draft.text)
        this.dispatch({ type: 'loaded', path, etag: null, dirty: true })
        this.wentAway(path)
      } else {
        this.dispatch({ type: 'failed', path, message: messageOf(error) })
      }
    }
  }

  private async show(path: string, content: FileContent, ready?: B): Promise<void> {
    const buffers = ready ?? (await this.ready())
    const decoded = decode(content)
    if ('declined' in decoded) {
      this.dispatch({ type: 'declined', path, message: decoded.declined })
      return
    }
    const draft = this.drafts.get(path)
    const known = this.find(path)
    if (known?.status === 'ready') buffers.replace(path, decoded.text)
    else buffers.create(path, decoded.text, draft?.text ?? null)
    const dirty = buffers.isDirty(path)
    // A draft expects what it was written on, so that neither side is overwritten unasked.
    const etag = draft && dirty ? draft.etag : content.etag
    this.dispatch({ type: 'loaded', path, etag, dirty })
    if (etag !== content.etag) this.dispatch({ type: 'conflicted', path, etag: content.etag, met: 'watching' })
    await this.showPlace(path)
  }

  /** Compares an open file with the seat's: an untouched text follows, one that is being edited gets a notice. */
  private async check(path: string): Promise<void> {
    const document = this.find(path)
    if (!document || document.status === 'loading') return
    if (document.saving || this.checking.has(path)) {
      this.checkAgain.add(path)
      return
    }
    this.checking.add(path)
    try {
      if (document.status === 'ready') await this.compare(document)
      else await this.load(path)
    } finally {
      this.checking.delete(path)
    }
    if (this.find(path)?.saving !== true && this.checkAgain.delete(path)) await this.check(path)
  }

  private async compare({ path, etag }: Document): Promise<void> {
    let content: FileContent | null
    try {
      content = await this.files.read(path, etag ?? undefined)
    } catch (error) {
      // Out of reach is another matter, and the next save says so.
      if (isApiError(error, ...GONE_CODES) && this.isStill(path, etag)) this.wentAway(path)
      return
    }
    const buffers = await this.ready()
    const now = this.find(path)
    if (!now || !this.isStill(path, etag)) return
    if (content === null) {
      if (now.conflict?.met === 'watching') this.dispatch({ type: 'notice_dismissed', path })
      return
    }
    const decoded = decode(content)
    const isMine = 'text' in decoded && decoded.text === buffers.text(path)
    if (isMine) this.drafts.drop(path)
    if (isMine || (!now.dirty && !now.removed)) await this.show(path, content, buffers)
    else if (now.conflict?.etag !== content.etag) {
      this.dispatch({ type: 'conflicted', path, etag: content.etag, met: 'watching' })
    }
  }

  /** Nothing has happened to the document here since it was looked at. */
  private isStill(path: string, etag: string | null): boolean {
    const now = this.find(path)
    return now?.status === 'ready' && now.etag === etag && !now.saving
  }

  /** The text stays, and is kept for a reload of the page as well. */
  private wentAway(path: string): void {
    if (this.find(path)?.removed) return
    this.dispatch({ type: 'removed', path })
    void this.keepDraft(path)
  }

  private async showPlace(path: string): Promise<void> {
    if (this.find(path)?.status !== 'ready') return
    const place = this.places.get(path)
    this.places.delete(path)
    if (place) (await this.ready()).reveal(path, place)
  }

  /** Folders that went with the file come back with it. */
  private async write(path: string, text: string, etag: string | null): Promise<string> {
    const expected = etag === null ? ({ absent: true } as const) : { etag }
    try {
      return await this.files.write(path, text, expected)
    } catch (error) {
      if (etag !== null || !isApiError(error, 'no_parent')) throw error
      await this.files.makeParents(path)
      return this.files.write(path, text, expected)
    }
  }

  private async saveFailed(path: string, error: unknown): Promise<void> {
    if (isApiError(error) && error.status === 412) {
      const etag = error.details.etag ?? (await this.currentEtag(path))
      this.dispatch({ type: 'conflicted', path, etag, met: 'saving' })
    } else if (isApiError(error, 'not_found')) {
      this.dispatch({ type: 'conflicted', path, etag: null, met: 'saving' })
    } else {
      this.dispatch({ type: 'save_failed', path, message: messageOf(error) })
    }
  }

  private async currentEtag(path: string): Promise<string | null> {
    try {
      return (await this.files.read(path))?.etag ?? null
    } catch {
      return null
    }
  }

  private async keepDraft(path: string): Promise<void> {
    const document = this.find(path)
    if (!document) return
    if (!document.dirty && !document.removed) this.drafts.drop(path)
    else this.drafts.set(path, { text: (await this.ready()).text(path), etag: document.etag })
  }

  /** Monaco, once; a failed load may be tried again. */
  ready(): Promise<B> {
    this.buffers ??= this.loadBuffers().catch((error: unknown) => {
      this.buffers = null
      throw error
    })
    return this.buffers
  }

  /** Whether anything has asked for Monaco yet. */
  get loaded(): Promise<B> | null {
    return this.buffers
  }

  private find(path: string): Document | undefined {
    return this.state.open.find((document) => document.path === path)
  }

  private dispatch(action: DocumentAction): void {
    const next = reduceDocuments(this.state, action)
    if (next === this.state) return
    const tabsChanged = next.open.length !== this.state.open.length || next.active !== this.state.active
    this.state = next
    if (tabsChanged || action.type === 'moved') {
      this.storage.set(OPEN_KEY, { paths: next.open.map((document) => document.path), active: next.active })
    }
    this.listeners.forEach((listener) => listener())
  }
}

function decode(content: FileContent): Decoded {
  const declined = content.tooMany === undefined ? null : tooLarge(content.tooMany)
  return declined === null ? decodeText(content.bytes) : { declined }
}

function isAbout({ kind, path }: FileEvent, opened: string): boolean {
  if (path === opened || path === '') return true
  return (kind === 'removed' || kind === 'rescan') && opened.startsWith(`${path}/`)
}
