// What tests of the editor put it on: a seat that is a map of texts, texts without Monaco, a browser's memory.

import { ApiError } from '../../api/client'
import type { SeatStorage } from '../auth/seatStorage'
import type { Buffers } from './buffers'
import { EditorStore } from './editorStore'

/** A seat's files; a version is counted up by every write. */
export class Seat {
  readonly files = new Map<string, { text: string; version: number }>()
  down = false

  put(path: string, text: string) {
    this.files.set(path, { text, version: (this.files.get(path)?.version ?? 0) + 1 })
  }

  read = async (path: string, knownEtag?: string) => {
    if (this.down) throw new ApiError('network_error', 'Nobody answered.', 0)
    const file = this.files.get(path)
    if (!file) throw new ApiError('not_found', 'There is no such file.', 404)
    const etag = `"${file.version}"`
    return etag === knownEtag ? null : { bytes: new TextEncoder().encode(file.text), etag }
  }

  write = async (path: string, text: string, expect: { absent: true } | { etag: string }) => {
    if (this.down) throw new ApiError('network_error', 'Nobody answered.', 0)
    const file = this.files.get(path)
    const etag = file ? `"${file.version}"` : undefined
    if ('absent' in expect ? file !== undefined : expect.etag !== etag) {
      throw new ApiError('changed', 'It changed.', 412, etag === undefined ? {} : { etag })
    }
    const folder = path.slice(0, Math.max(0, path.lastIndexOf('/')))
    if (this.missingFolders.has(folder)) throw new ApiError('no_parent', 'There is no such folder.', 404)
    this.put(path, text)
    return `"${this.files.get(path)?.version}"`
  }

  readonly missingFolders = new Set<string>()
  makeParents = (path: string) => {
    this.missingFolders.delete(path.slice(0, path.lastIndexOf('/')))
    return Promise.resolve()
  }
}

/** Texts without Monaco. */
export class FakeBuffers implements Buffers {
  private readonly texts = new Map<string, { text: string; saved: string; versions: string[] }>()
  edited: (path: string, dirty: boolean) => void = () => undefined

  type(path: string, text: string) {
    this.of(path).text = text
    this.edited(path, this.isDirty(path))
  }

  create(path: string, saved: string, draft: string | null) {
    this.texts.set(path, { text: draft ?? saved, saved, versions: [] })
  }
  replace(path: string, text: string) {
    Object.assign(this.of(path), { text, saved: text })
  }
  text = (path: string) => this.of(path).text
  isDirty = (path: string) => this.of(path).text !== this.of(path).saved
  version = (path: string) => this.of(path).versions.push(this.of(path).text) - 1
  markSaved(path: string, version: number) {
    this.of(path).saved = this.of(path).versions[version] ?? ''
  }
  move(from: string, to: string) {
    this.texts.set(to, this.of(from))
    this.texts.delete(from)
  }
  dispose(path: string) {
    this.texts.delete(path)
  }
  readonly revealed: unknown[] = []
  focus = () => undefined
  reveal = (path: string, place: unknown) => void this.revealed.push([path, place])

  private of(path: string) {
    const buffer = this.texts.get(path)
    if (!buffer) throw new Error(`no buffer ${path}`)
    return buffer
  }
}

export function memory(): SeatStorage {
  const values = new Map<string, unknown>()
  return {
    get: (key) => values.get(key),
    set: (key, value) => void values.set(key, value),
    remove: (key) => void values.delete(key),
  }
}

export function page(seat: Seat, storage: SeatStorage) {
  const buffers = new FakeBuffers()
  const store = new EditorStore(seat, storage, () => Promise.resolve(buffers))
  buffers.edited = (path, dirty) => store.edited(path, dirty)
  const document = (path: string) => store.getState().open.find((other) => other.path === path)
  return { store, buffers, document }
}
