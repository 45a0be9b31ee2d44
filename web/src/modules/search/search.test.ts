import { describe, expect, it } from 'vitest'
import type { ContentMatch } from '../../api/search'
import { highlight } from './fuzzy'
import { moveInResults, piecesOf, resultRows } from './results'

function match(path: string, line: number, text = 'say needle twice', column = 5, textColumn = 1): ContentMatch {
  return { path, line, column, endColumn: column + 6, text, textColumn }
}

const MATCHES = [match('a.py', 1), match('a.py', 7), match('src/b.py', 2)]
const ids = (folded: string[] = []) => resultRows(MATCHES, new Set(folded)).map((row) => row.id)

describe('search results', () => {
  it('are_grouped_by_file', () => {
    expect(ids()).toEqual(['a.py', 'a.py:1:5', 'a.py:7:5', 'src/b.py', 'src/b.py:2:5'])
    expect(ids(['a.py'])).toEqual(['a.py', 'src/b.py', 'src/b.py:2:5'])
  })

  it('show_the_match_in_its_line', () => {
    expect(piecesOf(match('a', 1))).toEqual({ before: 'say ', hit: 'needle', after: ' twice' })
    expect(piecesOf(match('a', 1, '    needle', 5))).toEqual({ before: '', hit: 'needle', after: '' })
    expect(piecesOf(match('a', 1, 'xx needle', 1003, 1000))).toEqual({ before: 'xx ', hit: 'needle', after: '' })
  })

  it('make_room_for_a_match_far_right', () => {
    const { before, hit } = piecesOf(match('a', 1, `${'x'.repeat(100)}needle`, 101))
    expect(before).toHaveLength(33)
    expect(hit).toBe('needle')
  })

  it('survive_columns_that_are_beyond_their_text', () => {
    expect(piecesOf({ ...match('a', 1, 'short', 90), endColumn: 95 })).toEqual({ before: 'short', hit: '', after: '' })
  })

  it('are_walked_by_arrow_keys', () => {
    const rows = resultRows(MATCHES, new Set())
    expect(moveInResults('ArrowDown', rows, 'a.py')).toEqual({ to: 'row', id: 'a.py:1:5' })
    expect(moveInResults('ArrowUp', rows, 'a.py')).toBeNull()
    expect(moveInResults('ArrowLeft', rows, 'a.py:7:5')).toEqual({ to: 'row', id: 'a.py' })
    expect(moveInResults('ArrowLeft', rows, 'a.py')).toEqual({ to: 'fold', path: 'a.py' })
    expect(moveInResults('ArrowRight', rows, 'a.py')).toEqual({ to: 'row', id: 'a.py:1:5' })
    expect(moveInResults('End', rows, 'a.py')).toEqual({ to: 'row', id: 'src/b.py:2:5' })
  })
})

describe('letters of a name that were met', () => {
  const hits = (path: string, query: string) =>
    highlight(path, query)
      .filter(({ hit }) => hit)
      .map(({ text }) => text)

  it.each([
    ['src/main.py', 'main', ['main']],
    ['src/main.py', 'MAIN py', ['main', 'py']],
    ['src/main.py', 'smpy', ['s', 'm', 'py']],
    ['src/main.py', 'zz', []],
    ['ab', 'aa', []],
    ['main/main.py', 'main', ['main']],
    ['İstanbul.txt', 'txt', []],
  ])('in %s by %s are %j', (path, query, expected) => {
    expect(hits(path, query)).toEqual(expected)
  })

  it('leave_the_path_whole', () => {
    expect(
      highlight('src/main.py', 'mn')
        .map(({ text }) => text)
        .join(''),
    ).toBe('src/main.py')
  })
})
