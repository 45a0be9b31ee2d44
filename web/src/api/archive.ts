// Whole folders in one file, out of the seat and into it.

import { isRecord } from './client'
import { seatUrl, type SeatAddress } from './seat'
import { upload } from './upload'

export const LARGEST_ARCHIVE_BYTES = 256 * 1024 * 1024

/** To be followed as a link: the cookie goes with it. '' is everything. */
export function archiveUrl(address: SeatAddress, path: string): string {
  return seatUrl(address, `files-archive?${new URLSearchParams({ path, format: 'zip' }).toString()}`)
}

/** Whether the seat can unpack it; it looks at the content in the end. */
export function isArchiveName(name: string): boolean {
  return /\.(zip|tar\.gz|tgz)$/i.test(name)
}

export interface Unpacked {
  files: number
  folders: number
  skipped: { path: string; reason: string }[]
  skippedTotal: number
}

/** `409 exists` carries the paths that are in the way, and nothing was written. */
export async function unpack(
  address: SeatAddress,
  folder: string,
  archive: Blob,
  options: { overwrite: boolean; signal: AbortSignal; onProgress: (sent: number) => void },
): Promise<Unpacked> {
  const query = new URLSearchParams({ path: folder, overwrite: String(options.overwrite) })
  const { text } = await upload(seatUrl(address, `files-archive?${query.toString()}`), archive, {
    method: 'POST',
    signal: options.signal,
    onProgress: options.onProgress,
  })
  return parseUnpacked(text)
}

/** The work is done when this is read: what cannot be understood is merely not told. */
export function parseUnpacked(text: string): Unpacked {
  let answer: unknown
  try {
    answer = JSON.parse(text)
  } catch {
    answer = null
  }
  const { files, folders, skipped, skipped_total: total } = isRecord(answer) ? answer : {}
  const list = (Array.isArray(skipped) ? skipped : []).flatMap((item: unknown) =>
    isRecord(item) && typeof item['path'] === 'string' && typeof item['reason'] === 'string'
      ? [{ path: item['path'], reason: item['reason'] }]
      : [],
  )
  return { files: countOf(files), folders: countOf(folders), skipped: list, skippedTotal: countOf(total) || list.length }
}

function countOf(value: unknown): number {
  return typeof value === 'number' && value > 0 ? value : 0
}
