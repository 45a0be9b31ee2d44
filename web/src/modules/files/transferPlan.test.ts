import { describe, expect, it } from 'vitest'
import { parseUnpacked } from '../../api/archive'
import { foldersOf, MOST_FILES, readChosen, TooManyFiles, type DroppedFile } from './dropped'
import { conflictsOf, freePath, planOf, type Taken } from './transferPlan'

const dropped = (path: string): DroppedFile => ({ path, file: new File(['x'], path) })
const FILES = ['a.txt', 'b.txt', 'lessons/one.py'].map(dropped)
const TAKEN: Taken = new Map(
  Object.entries({
    work: folder({ 'a.txt': 'file', 'a (2).txt': 'file', lessons: 'folder' }),
    'work/lessons': folder({ 'one.py': 'file' }),
  }),
)

function folder(entries: Record<string, 'folder' | 'file'>) {
  return new Map(Object.entries(entries))
}

const paths = (plan: ReturnType<typeof planOf>) => plan.items.map(({ path, replaces }) => [path, replaces])

describe('an upload', () => {
  it('knows_what_is_in_the_way', () => {
    expect(conflictsOf('work', FILES, TAKEN)).toEqual(['work/a.txt', 'work/lessons/one.py'])
    expect(conflictsOf('', FILES, TAKEN)).toEqual([])
  })

  it('replaces_only_when_told', () => {
    expect(paths(planOf('work', FILES, TAKEN, 'replace'))).toEqual([
      ['work/a.txt', true],
      ['work/b.txt', false],
      ['work/lessons/one.py', true],
    ])
  })

  it('keeps_both_under_the_first_free_name', () => {
    const files = [...FILES, dropped('a (3).txt')]
    expect(paths(planOf('work', files, TAKEN, 'keep_both'))).toEqual([
      ['work/a (4).txt', false],
      ['work/b.txt', false],
      ['work/lessons/one (2).py', false],
      ['work/a (3).txt', false],
    ])
  })

  it('skips_what_is_there', () => {
    const plan = planOf('work', FILES, TAKEN, 'skip')
    expect(paths(plan)).toEqual([['work/b.txt', false]])
    expect(plan.skipped).toEqual(['work/a.txt', 'work/lessons/one.py'])
  })

  it('puts_no_file_in_place_of_a_folder_and_none_below_a_file', () => {
    const plan = planOf('work', [dropped('lessons'), dropped('a.txt/b')], TAKEN, 'replace')
    expect(plan).toEqual({ items: [], skipped: [], impossible: ['work/lessons', 'work/a.txt/b'] })
  })

  it.each([
    ['notes.txt', 'notes (2).txt'],
    ['deep/pack.tar.gz', 'deep/pack (2).tar.gz'],
    ['.bashrc', '.bashrc (2)'],
    ['Makefile', 'Makefile (2)'],
  ])('names the second %s %s', (path, other) => {
    expect(freePath(path, () => false)).toBe(other)
  })

  it('makes_parents_before_what_is_in_them', () => {
    expect(foldersOf(['a/b/c/one', 'a/two', 'three'])).toEqual(['a', 'a/b', 'a/b/c'])
  })

  it('leaves_thousands_of_files_to_an_archive', () => {
    const many = Array.from({ length: MOST_FILES + 1 }, (_, index) => new File([], `f${index}`))
    expect(() => readChosen(many as unknown as FileList)).toThrow(TooManyFiles)
  })
})

describe('what was unpacked', () => {
  it('is_told_with_what_was_left_out', () => {
    const answer = { files: 2, folders: 1, links: 0, bytes: 5, skipped: [{ path: '../x', reason: 'unsafe_name' }] }
    expect(parseUnpacked(JSON.stringify({ ...answer, skipped_total: 7 }))).toEqual({
      files: 2,
      folders: 1,
      skipped: [{ path: '../x', reason: 'unsafe_name' }],
      skippedTotal: 7,
    })
  })

  it('does_not_fail_for_a_strange_answer', () => {
    expect(parseUnpacked('<html>')).toEqual({ files: 0, folders: 0, skipped: [], skippedTotal: 0 })
  })
})
