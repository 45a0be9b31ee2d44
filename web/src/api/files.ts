// The seat's file API. Paths are relative to /workspace, with '/' between segments and none at the ends; a segment that
// isn't text is written as `rawNames.ts` says.

import { ApiError, BAD_ANSWER, isApiError, isRecord, send, sendJson } from './client'
import { isRawPath, labelOf, rawQuery, rawSegment, textOfRaw } from './rawNames'
import { seatUrl, type SeatAddress } from './seat'

export interface FileEntry {
  name: string
  /** The name as it can be shown: what cannot be seen, or isn't text, is escaped. */
  label: string
  path: string
  kind: 'file' | 'directory' | 'symlink' | 'other'
  size: number
}

export interface Listing {
  entries: readonly FileEntry[]
  /** There are more; these are the first. */
  truncated: boolean
}

export interface FileContent {
  bytes: Uint8Array<ArrayBuffer>
  etag: string
  /** Set, and `bytes` empty, when the file has more bytes than were asked for: so many. */
  tooMany?: number
}

/** What a write expects to find: nothing, or exactly this version. */
export type Expectation = { absent: true } | { etag: string }

export function fileUrl(address: SeatAddress, path: string, query: Record<string, string> = {}): string {
  const isRaw = isRawPath(path)
  const route = isRaw ? 'files' : `files/${path.split('/').map(encodeURIComponent).join('/')}`
  const search = new URLSearchParams(isRaw ? { raw: rawQuery(path), ...query } : query).toString()
  return seatUrl(address, search === '' ? route : `${route}?${search}`)
}

export async function listFiles(address: SeatAddress, path: string, signal?: AbortSignal): Promise<Listing> {
  const where = isRawPath(path) ? ['raw', rawQuery(path)] : ['path', path]
  const url = seatUrl(address, `files?${new URLSearchParams([where]).toString()}`)
  const answer = await sendJson<unknown>(url, signal ? { signal } : {})
  if (!isRecord(answer) || !Array.isArray(answer['entries'])) throw badAnswer()
  const entries = answer['entries'].flatMap((entry) => parseEntry(entry, path))
  return { entries, truncated: answer['truncated'] === true }
}

/** The path is made here, from the folder that was asked for and the name, and not taken from the answer. */
function parseEntry(value: unknown, parent: string): FileEntry[] {
  if (!isRecord(value)) throw badAnswer()
  const { name, kind, size, name_bytes: bytes } = value
  if (typeof name !== 'string') return []
  if (name === '' || name === '.' || name === '..' || name.includes('/') || name.includes('\0')) return []
  const segment = typeof bytes === 'string' ? rawSegment(bytes) : name
  if (segment === null) return []
  return [
    {
      name: typeof bytes === 'string' ? textOfRaw(segment) : name,
      label: labelOf(segment),
      path: parent === '' ? segment : `${parent}/${segment}`,
      kind: kind === 'file' || kind === 'directory' || kind === 'symlink' ? kind : 'other',
      size: typeof size === 'number' ? size : 0,
    },
  ]
}

/** `null`: still the version that `knownEtag` names. */
export async function readFile(
  address: SeatAddress,
  path: string,
  most: number,
  knownEtag?: string,
): Promise<FileContent | null> {
  const response = await send(fileUrl(address, path), {
    headers: knownEtag === undefined ? {} : { 'If-None-Match': knownEtag },
  })
  if (response.status === 304) return null
  const etag = etagOf(response)
  const length = Number(response.headers.get('Content-Length'))
  if (etag === knownEtag || length > most) await response.body?.cancel()
  if (etag === knownEtag) return null
  if (length > most) return { bytes: new Uint8Array(0), etag, tooMany: length }
  return { bytes: new Uint8Array(await response.arrayBuffer()), etag }
}

export async function writeFile(
  address: SeatAddress,
  path: string,
  body: Uint8Array<ArrayBuffer>,
  expect: Expectation,
): Promise<string> {
  const response = await send(fileUrl(address, path), {
    method: 'PUT',
    body,
    headers: {
      'Content-Type': 'application/octet-stream',
      ...('absent' in expect ? { 'If-None-Match': '*' } : { 'If-Match': expect.etag }),
    },
  })
  return etagOf(response)
}

export async function makeFolder(address: SeatAddress, path: string): Promise<void> {
  await send(fileUrl(address, path, { op: 'mkdir' }), { method: 'POST' })
}

/** The folders above a path, those that are not there. */
export async function makeParents(address: SeatAddress, path: string): Promise<void> {
  const segments = path.split('/').slice(0, -1)
  for (let depth = 1; depth <= segments.length; depth++) {
    try {
      await makeFolder(address, segments.slice(0, depth).join('/'))
    } catch (error) {
      if (!isApiError(error, 'exists', 'already_exists')) throw error
    }
  }
}

export async function movePath(address: SeatAddress, from: string, to: string): Promise<void> {
  await send(fileUrl(address, from, { op: 'move', to, overwrite: 'false' }), { method: 'POST' })
}

export async function deletePath(address: SeatAddress, path: string, recursive: boolean): Promise<void> {
  await send(fileUrl(address, path, recursive ? { recursive: 'true' } : {}), { method: 'DELETE' })
}

function etagOf(response: Response): string {
  const etag = response.headers.get('ETag')
  if (etag === null) throw badAnswer()
  return etag
}

function badAnswer(): ApiError {
  return new ApiError(BAD_ANSWER, 'The seat sent an answer about files that this page does not understand.', 200)
}
