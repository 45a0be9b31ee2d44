// The rows of the file tree, flattened for the keyboard and for screen readers. Pure: listings and expanded folders in, rows
// out.

import type { FileEntry, Listing } from '../../api/files'

export interface Row {
  entry: FileEntry
  level: number
  /** Among its folder's entries, from 1, and how many those are. */
  position: number
  siblings: number
  expanded: boolean
  /** An expanded folder whose listing is still on its way. */
  loading: boolean
  /** An expanded folder of which only the first entries are shown: so many. */
  shownOnly: number | null
}

/** By folder; each sorted. */
export type Listings = ReadonlyMap<string, Listing>

export const ROOT = ''

export function visibleRows(listings: Listings, expanded: ReadonlySet<string>): Row[] {
  const rows: Row[] = []
  const visit = (folder: string, level: number) => {
    const entries = listings.get(folder)?.entries ?? []
    entries.forEach((entry, index) => {
      const isOpen = entry.kind === 'directory' && expanded.has(entry.path)
      rows.push({
        entry,
        level,
        position: index + 1,
        siblings: entries.length,
        expanded: isOpen,
        loading: isOpen && !listings.has(entry.path),
        shownOnly: isOpen ? shownOnly(listings, entry.path) : null,
      })
      if (isOpen) visit(entry.path, level + 1)
    })
  }
  visit(ROOT, 1)
  return rows
}

/** How many of a folder's entries are shown, where there are more. */
export function shownOnly(listings: Listings, folder: string): number | null {
  const listing = listings.get(folder)
  return listing?.truncated ? listing.entries.length : null
}

const asPeopleCount = new Intl.Collator(undefined, { numeric: true, sensitivity: 'base' })

/** Folders first, then by name as people count: `file2` before `file10`. */
export function sorted(listing: Listing): Listing {
  const entries = [...listing.entries].sort(
    (a, b) =>
      Number(b.kind === 'directory') - Number(a.kind === 'directory') || asPeopleCount.compare(a.label, b.label),
  )
  return { ...listing, entries }
}

export function parentOf(path: string): string {
  const slash = path.lastIndexOf('/')
  return slash === -1 ? ROOT : path.slice(0, slash)
}

export function nameOf(path: string): string {
  return path.slice(path.lastIndexOf('/') + 1)
}

export function pathIn(folder: string, name: string): string {
  return folder === ROOT ? name : `${folder}/${name}`
}

export function isInside(path: string, folder: string): boolean {
  return path === folder || path.startsWith(`${folder}/`)
}

const LONGEST_NAME_BYTES = 255

/** Why a name can't be one, or null. The seat has the last word. */
export function nameProblem(name: string): string | null {
  if (name.trim() === '') return 'Give it a name.'
  if (name === '.' || name === '..') return 'This name is taken by the system.'
  if (name.includes('/')) return 'A name has no slash. Make the folder first.'
  // eslint-disable-next-line no-control-regex
  if (/[\u0000-\u001f\u007f]/.test(name)) return 'This name holds characters that nobody can see.'
  if (new TextEncoder().encode(name).length > LONGEST_NAME_BYTES) return 'This name is too long.'
  return null
}

export type Move = { to: 'row'; path: string } | { to: 'open' | 'close'; path: string }

/** What an arrow key does to the row with the focus. */
export function moveBy(key: string, rows: readonly Row[], path: string): Move | null {
  const index = rows.findIndex((row) => row.entry.path === path)
  const row = rows[index]
  if (!row) return null
  const toRow = (target: Row | undefined): Move | null => (target ? { to: 'row', path: target.entry.path } : null)
  switch (key) {
    case 'ArrowDown':
      return toRow(rows[index + 1])
    case 'ArrowUp':
      return toRow(rows[index - 1])
    case 'Home':
      return toRow(rows[0])
    case 'End':
      return toRow(rows[rows.length - 1])
    case 'ArrowRight':
      if (row.entry.kind !== 'directory') return null
      if (!row.expanded) return { to: 'open', path }
      return rows[index + 1]?.level === row.level + 1 ? toRow(rows[index + 1]) : null
    case 'ArrowLeft':
      if (row.expanded) return { to: 'close', path }
      return toRow(rows.find((other) => other.entry.path === parentOf(path)))
    default:
      return null
  }
}
