import { describe, expect, it } from 'vitest'
import type { FileEntry, Listing } from '../../api/files'
import { isInside, moveBy, nameProblem, parentOf, pathIn, shownOnly, sorted, visibleRows } from './tree'

function entry(path: string, kind: FileEntry['kind'] = 'file'): FileEntry {
  const name = path.slice(path.lastIndexOf('/') + 1)
  return { name, label: name, path, kind, size: 0 }
}

function listing(...entries: FileEntry[]): Listing {
  return sorted({ entries, truncated: false })
}

const listings = new Map([
  ['', listing(entry('file10.txt'), entry('src', 'directory'), entry('file2.txt'))],
  ['src', listing(entry('src/main.py'))],
])

describe('the file tree', () => {
  it('shows_folders_first_and_counts_like_people', () => {
    const rows = visibleRows(listings, new Set())
    expect(rows.map((row) => row.entry.path)).toEqual(['src', 'file2.txt', 'file10.txt'])
  })

  it('shows_what_is_inside_an_expanded_folder', () => {
    const rows = visibleRows(listings, new Set(['src']))
    expect(rows.map((row) => [row.entry.path, row.level])).toEqual([
      ['src', 1],
      ['src/main.py', 2],
      ['file2.txt', 1],
      ['file10.txt', 1],
    ])
  })

  it('says_when_a_folder_is_still_loading', () => {
    const rows = visibleRows(new Map([['', listing(entry('a', 'directory'))]]), new Set(['a']))
    expect(rows[0]?.loading).toBe(true)
  })

  it('counts_a_folders_entries_for_those_who_cannot_see_them', () => {
    const rows = visibleRows(listings, new Set(['src']))
    expect(rows.map(({ position, siblings }) => [position, siblings])).toEqual([
      [1, 3],
      [1, 1],
      [2, 3],
      [3, 3],
    ])
  })

  it('says_of_which_folders_only_a_part_is_shown', () => {
    const cut = { ...listing(entry('src/a'), entry('src/b')), truncated: true }
    const partly = new Map([...listings, ['src', cut] as const])
    expect(visibleRows(partly, new Set(['src']))[0]?.shownOnly).toBe(2)
    expect(visibleRows(partly, new Set())[0]?.shownOnly).toBeNull()
    expect([shownOnly(partly, ''), shownOnly(partly, 'src')]).toEqual([null, 2])
  })

  it('moves_by_arrow_keys', () => {
    const closed = visibleRows(listings, new Set())
    const open = visibleRows(listings, new Set(['src']))
    expect(moveBy('ArrowDown', closed, 'src')).toEqual({ to: 'row', path: 'file2.txt' })
    expect(moveBy('ArrowUp', closed, 'src')).toBeNull()
    expect(moveBy('ArrowRight', closed, 'src')).toEqual({ to: 'open', path: 'src' })
    expect(moveBy('ArrowRight', open, 'src')).toEqual({ to: 'row', path: 'src/main.py' })
    expect(moveBy('ArrowLeft', open, 'src/main.py')).toEqual({ to: 'row', path: 'src' })
    expect(moveBy('ArrowLeft', open, 'src')).toEqual({ to: 'close', path: 'src' })
    expect(moveBy('End', open, 'src')).toEqual({ to: 'row', path: 'file10.txt' })
  })

  it('knows_paths', () => {
    expect([parentOf('a/b'), parentOf('a'), pathIn('', 'a'), pathIn('a', 'b')]).toEqual(['a', '', 'a', 'a/b'])
    expect([isInside('a/b', 'a'), isInside('a', 'a'), isInside('ab', 'a')]).toEqual([true, true, false])
  })

  it.each(['', '  ', '.', '..', 'a/b', 'a\u0007', 'x'.repeat(256)])('declines the name %j', (name) => {
    expect(nameProblem(name)).not.toBeNull()
  })

  it('takes_names_that_are_merely_odd', () => {
    expect(nameProblem('-rf ~ 日本語 .txt')).toBeNull()
  })
})
