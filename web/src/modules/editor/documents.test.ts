import { describe, expect, it } from 'vitest'
import { movedPath, NO_DOCUMENTS, reduceDocuments, type DocumentAction, type Documents } from './documents'
import { decodeText, LARGEST_BYTES, smallestEdit, tooLarge } from './text'

function after(...actions: DocumentAction[]): Documents {
  return actions.reduce(reduceDocuments, NO_DOCUMENTS)
}

const opened = (path: string): DocumentAction => ({ type: 'opened', path, activate: true })

describe('open files', () => {
  it('open_once', () => {
    const state = after(opened('a'), opened('b'), opened('a'))
    expect(state.open.map((document) => document.path)).toEqual(['a', 'b'])
    expect(state.active).toBe('a')
  })

  it('hand_over_to_a_neighbour_when_closed', () => {
    expect(after(opened('a'), opened('b'), opened('c'), { type: 'closed', path: 'c' }).active).toBe('b')
    expect(
      after(opened('a'), opened('b'), { type: 'activated', path: 'a' }, { type: 'closed', path: 'a' }).active,
    ).toBe('b')
    expect(after(opened('a'), { type: 'closed', path: 'a' }).active).toBeNull()
  })

  it('forget_a_conflict_when_saved', () => {
    const state = after(
      opened('a'),
      { type: 'loaded', path: 'a', etag: '1', dirty: true },
      { type: 'conflicted', path: 'a', etag: '2', met: 'saving' },
      { type: 'saved', path: 'a', etag: '3', dirty: false },
    )
    expect(state.open[0]).toEqual({
      path: 'a',
      status: 'ready',
      etag: '3',
      dirty: false,
      saving: false,
      removed: false,
    })
  })

  it('expect_their_version_once_mine_is_kept', () => {
    const state = after(
      opened('a'),
      { type: 'loaded', path: 'a', etag: '1', dirty: true },
      { type: 'conflicted', path: 'a', etag: '2', met: 'watching' },
      { type: 'kept_mine', path: 'a' },
    )
    expect(state.open[0]).toMatchObject({ etag: '2', dirty: true })
    expect(state.open[0]?.conflict).toBeUndefined()
  })

  it('stay_removed_until_saved_again', () => {
    const removed = after(
      opened('a'),
      { type: 'loaded', path: 'a', etag: '1', dirty: false },
      { type: 'removed', path: 'a' },
      { type: 'edited', path: 'a', dirty: true },
      { type: 'saving', path: 'a' },
      { type: 'save_failed', path: 'a', message: 'no' },
    )
    expect(removed.open[0]).toMatchObject({ etag: null, removed: true, dirty: true })
    const saved = reduceDocuments(removed, { type: 'saved', path: 'a', etag: '2', dirty: false })
    expect(saved.open[0]).toMatchObject({ etag: '2', removed: false })
  })

  it('follow_a_renamed_folder', () => {
    const state = after(opened('src/a'), opened('srcs/b'), { type: 'moved', from: 'src', to: 'lib' })
    expect(state.open.map((document) => document.path)).toEqual(['lib/a', 'srcs/b'])
    expect(movedPath('src', { from: 'src', to: 'lib' })).toBe('lib')
  })
})

describe('what an editor may show', () => {
  it('keeps_the_byte_order_mark', () => {
    expect(decodeText(new Uint8Array([0xef, 0xbb, 0xbf, 0x61]))).toEqual({ text: '\ufeffa' })
  })

  it.each([
    ['a NUL', new Uint8Array([97, 0, 98])],
    ['bytes that are no UTF-8', new Uint8Array([0xff, 0xfe, 0x61])],
    ['too much', new Uint8Array(LARGEST_BYTES + 1).fill(97)],
  ])('declines %s', (_, bytes) => {
    expect(decodeText(bytes)).toHaveProperty('declined')
  })

  it('takes_two_megabytes', () => {
    expect(tooLarge(LARGEST_BYTES)).toBeNull()
    expect(tooLarge(LARGEST_BYTES * 2)).toContain('4.0 MB')
  })
})

describe('the edit from one text to another', () => {
  it.each([
    ['one two three', 'one 2 three', { start: 4, end: 7, text: '2' }],
    ['same', 'same', { start: 4, end: 4, text: '' }],
    ['aa', 'aaa', { start: 2, end: 2, text: 'a' }],
    ['', 'new', { start: 0, end: 0, text: 'new' }],
    ['gone', '', { start: 0, end: 4, text: '' }],
    ['😀', '😁', { start: 0, end: 2, text: '😁' }],
    ['a\r\nb', 'a\nb', { start: 1, end: 3, text: '\n' }],
  ])('of %j to %j is small', (before, after, edit) => {
    const found = smallestEdit(before, after)
    expect(found).toEqual(edit)
    expect(before.slice(0, found.start) + found.text + before.slice(found.end)).toBe(after)
  })
})
