// What went wrong with an upload, for people.

import { isApiError, messageOf } from '../../api/client'

export function transferProblem(error: unknown): string {
  if (isApiError(error, 'disk_full') || (isApiError(error) && error.status === 507)) {
    return 'The disk of your seat is full. Delete what you do not need, then try again.'
  }
  if (isApiError(error, 'too_many_entries')) return 'This archive holds too many files to be unpacked here.'
  if (isApiError(error) && error.status === 413) return `This is too large for your seat. ${error.message}`
  if (isApiError(error, 'bad_archive')) return `This archive cannot be read. ${error.message}`
  if (isApiError(error, 'changed', 'exists', 'is_directory')) return 'There is already something with this name.'
  return messageOf(error)
}

/** One disk for all: the next file would fare no better. */
export function isHopeless(error: unknown): boolean {
  return isApiError(error) && (error.status === 507 || error.status === 401 || error.status === 403)
}

const REASONS: Record<string, string> = {
  unsafe_name: 'its name leads elsewhere, or is too long',
  unsafe_link: 'it is a link that leads elsewhere, or to nothing',
  special_file: 'it is neither a file nor a folder',
  encrypted: 'it is encrypted',
  unsupported: 'it is packed in a way that is not known here',
  exists: 'something has its name',
  exists_as_folder: 'a folder has its name',
  exists_as_file: 'a file has the name of its folder',
}

export function skippedReason(reason: string): string {
  return REASONS[reason] ?? reason.replaceAll('_', ' ')
}

export function count(number: number, one: string, many = `${one}s`): string {
  return `${number} ${number === 1 ? one : many}`
}

export function sizeWords(bytes: number): string {
  if (bytes < 1024) return `${bytes} B`
  const units = ['kB', 'MB', 'GB', 'TB']
  let value = bytes / 1024
  let unit = 0
  while (value >= 1000 && unit < units.length - 1) {
    value /= 1024
    unit += 1
  }
  return `${value >= 100 ? value.toFixed(0) : value.toFixed(1)} ${units[unit]}`
}
