import { afterEach, describe, expect, it, vi } from 'vitest'
import { deletePath, fileUrl, listFiles, movePath } from './files'
import { isRawPath, labelOf, pathLabel, rawQuery, rawSegment, textOfRaw } from './rawNames'

const seat = { endpoint: 'http://class', seat: 3 }
/** Of bytes, given as a string of their values. */
function base64url(bytes: string): string {
  return btoa(bytes).replaceAll('+', '-').replaceAll('/', '_').replaceAll('=', '')
}

/** The bytes of a text, as a string of their values. */
function utf8(text: string): string {
  return String.fromCharCode(...new TextEncoder().encode(text))
}

function segment(bytes: string): string {
  return rawSegment(base64url(bytes)) ?? ''
}

const CAFE = base64url('caf\xe9.txt')

function seatAnswers(body: unknown) {
  const fetched = vi.fn<(url: string, options: { method: string }) => Promise<Response>>(() =>
    Promise.resolve(new Response(JSON.stringify(body))),
  )
  vi.stubGlobal('fetch', fetched)
  return fetched
}

afterEach(() => vi.unstubAllGlobals())

describe('a name that is not text', () => {
  it('is_shown_with_its_odd_bytes_escaped_and_meant_as_latin_1', () => {
    expect(labelOf(segment('caf\xe9.txt'))).toBe('caf\\xe9.txt')
    expect(textOfRaw(segment('caf\xe9.txt'))).toBe('café.txt')
  })

  it('keeps_the_characters_that_are_whole', () => {
    expect(labelOf(segment(`${utf8('日本')}\xff\xe6`))).toBe('日本\\xff\\xe6')
  })

  it('differs_in_its_path_from_every_real_name', () => {
    expect(isRawPath(segment('caf\xe9'))).toBe(true)
    expect(isRawPath('café/caf\\xe9')).toBe(false)
    expect(segment('caf\xe9')).not.toBe(segment('caf\xe8'))
  })

  it('is_asked_for_by_the_bytes_of_the_whole_path', () => {
    const path = `día/${segment('caf\xe9')}/x`
    expect(rawQuery(path)).toBe(base64url(`${utf8('día')}/caf\xe9/x`))
    expect(pathLabel(path)).toBe('día/caf\\xe9/x')
  })

  it.each(['', '*', 'a b', 'A'])('is_passed_over_when_the_seat_tells_nonsense: %j', (told) => {
    expect(rawSegment(told)).toBeNull()
  })
})

describe('a name that is text', () => {
  it.each([
    ['plain.txt', 'plain.txt'],
    ['日本 ~.txt', '日本 ~.txt'],
    ['two\nlines', 'two\\nlines'],
    ['bell\u0007', 'bell\\x07'],
    ['gpj\u202e.exe', 'gpj\\u202e.exe'],
    ['zero\u200bwidth', 'zero\\u200bwidth'],
  ])('%j is shown as %j', (name, label) => expect(labelOf(name)).toBe(label))
})

describe('the seat’s files', () => {
  it('are_listed_with_odd_names_and_the_cut_told', async () => {
    seatAnswers({
      entries: [
        { name: 'caf\ufffd.txt', path: 'sub/caf\ufffd.txt', kind: 'file', size: 1, name_bytes: CAFE, path_bytes: 'x' },
        { name: 'a', path: 'sub/a', kind: 'directory', size: 0 },
        { name: 'n\0ul', path: 'sub/n\0ul', kind: 'file', size: 0 },
      ],
      truncated: true,
    })
    const { entries, truncated } = await listFiles(seat, 'sub')
    expect(truncated).toBe(true)
    expect(entries.map(({ name, label, path }) => [name, label, path])).toEqual([
      ['café.txt', 'caf\\xe9.txt', `sub/\0${CAFE}`],
      ['a', 'a', 'sub/a'],
    ])
  })

  it('are_renamed_and_deleted_by_their_bytes', async () => {
    const fetched = seatAnswers({})
    await movePath(seat, `sub/\0${CAFE}`, 'sub/café.txt')
    await deletePath(seat, `\0${CAFE}`, true)
    const raw = base64url('sub/caf\xe9.txt')
    expect(fetched.mock.calls.map(([url, { method }]) => [method, url])).toEqual([
      ['POST', `http://class/vm/3/files?raw=${raw}&op=move&to=sub%2Fcaf%C3%A9.txt&overwrite=false`],
      ['DELETE', `http://class/vm/3/files?raw=${CAFE}&recursive=true`],
    ])
  })

  it('have_plain_addresses_where_names_are_text', () => {
    expect(fileUrl(seat, 'a b/ü')).toBe('http://class/vm/3/files/a%20b/%C3%BC')
    expect(fileUrl(seat, 'a', { recursive: 'true' })).toBe('http://class/vm/3/files/a?recursive=true')
  })
})
