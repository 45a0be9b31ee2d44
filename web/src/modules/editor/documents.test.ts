import { describe, expect, it } from 'vitest'
import { movedPath, NO_DOCUMENTS, reduceDocuments, type DocumentAction, type Documents } from './documents'
import { decodeText, LARGEST_BYTES, tooLarge } from './text'

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
      { type: 'conflicted', path: 'a', etag: '2' },
      { type: 'saved', path: 'a', etag: '3', dirty: false },
    )
    expect(state.open[0]).toEqual({ path: 'a', status: 'ready', etag: '3', dirty: false, saving: false })
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
