import { afterEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from './client'
import { contentParameters, searchContents, searchNames, splitGlobs, type ContentQuery } from './search'

const ADDRESS = { endpoint: 'http://server/debug/proxy/ws-abcdefgh', seat: 3 }
const PLAIN: ContentQuery = {
  text: 'needle',
  matchCase: false,
  word: false,
  regex: false,
  include: '',
  exclude: '',
  everything: false,
}

function answerWith(body: unknown) {
  const fetch = vi.fn<(url: string) => Promise<Response>>(() => Promise.resolve(new Response(JSON.stringify(body))))
  vi.stubGlobal('fetch', fetch)
  return fetch
}

afterEach(() => vi.unstubAllGlobals())

describe('a search', () => {
  it('asks_as_the_person_chose', () => {
    expect(contentParameters(PLAIN).toString()).toBe('q=needle&in=contents&case=insensitive&limit=500')
    const all = { matchCase: true, word: true, regex: true, everything: true }
    const query = contentParameters({ ...PLAIN, ...all, include: '*.py, src/**', exclude: '*.lock,!dist' })
    expect(Object.fromEntries(query)).toMatchObject({ case: 'sensitive', regex: 'true', word: 'true', all: 'true' })
    expect(query.getAll('glob')).toEqual(['*.py', 'src/**', '!*.lock', '!dist'])
  })

  it('separates_globs_at_commas_outside_braces', () => {
    expect(splitGlobs(' *.{js,ts} ,, a b/*,! ')).toEqual(['*.{js,ts}', 'a b/*'])
  })

  it('understands_the_seats_answer', async () => {
    const match = { path: 'a', line: 2, column: 5, end_column: 8, text: 'say hey', text_column: 1 }
    const fetch = answerWith({ matches: [match], truncated: true, reason: 'time' })
    const found = await searchContents(ADDRESS, PLAIN, new AbortController().signal)
    expect(fetch.mock.calls[0]?.[0]).toMatch(/\/vm\/3\/search\?q=needle&/)
    expect(found).toEqual({
      matches: [{ path: 'a', line: 2, column: 5, endColumn: 8, text: 'say hey', textColumn: 1 }],
      cutBy: 'time',
    })
  })

  it.each([
    ['no matches', {}],
    ['a line of zero', { matches: [{ path: 'a', line: 0, column: 1, end_column: 2, text: '', text_column: 1 }] }],
    ['a path that is none', { matches: [{ path: 7 }] }],
  ])('declines an answer with %s', async (_, body) => {
    answerWith(body)
    await expect(searchContents(ADDRESS, PLAIN, new AbortController().signal)).rejects.toThrow(ApiError)
  })

  it('by_name_tells_folders_from_files', async () => {
    answerWith({ matches: [{ path: 'src/a', name: 'a', kind: 'directory' }], truncated: false, reason: null })
    const found = await searchNames(ADDRESS, 'a', new AbortController().signal)
    expect(found).toEqual({ matches: [{ path: 'src/a', name: 'a', kind: 'directory' }], cutBy: null })
  })
})
