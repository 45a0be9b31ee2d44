// The seat's search, by names and in contents. Lines count from 1, columns from 1 in UTF-16 units, as Monaco's do.

import { ApiError, BAD_ANSWER, isRecord, sendJson } from './client'
import { seatUrl, type SeatAddress } from './seat'

export interface ContentQuery {
  text: string
  matchCase: boolean
  word: boolean
  regex: boolean
  /** Globs as people write them, separated by commas. */
  include: string
  exclude: string
  /** What .gitignore names, node_modules and the like as well. */
  everything: boolean
}

export interface ContentMatch {
  path: string
  line: number
  column: number
  endColumn: number
  /** The line, or the part of it around the match; its first unit is column `textColumn`. */
  text: string
  textColumn: number
}

export interface Found<Match> {
  matches: Match[]
  /** Why there may be more. */
  cutBy: 'limit' | 'time' | null
}

export interface NameMatch {
  path: string
  name: string
  kind: 'file' | 'directory' | 'symlink'
}

export const MOST_CONTENT_MATCHES = 500
const MOST_NAMES = 50

export async function searchContents(
  address: SeatAddress,
  query: ContentQuery,
  signal: AbortSignal,
): Promise<Found<ContentMatch>> {
  const url = seatUrl(address, `search?${contentParameters(query).toString()}`)
  return parseFound(await sendJson<unknown>(url, { signal }), parseContentMatch)
}

export async function searchNames(address: SeatAddress, text: string, signal: AbortSignal): Promise<Found<NameMatch>> {
  const query = new URLSearchParams({ q: text, in: 'names', limit: String(MOST_NAMES) })
  return parseFound(await sendJson<unknown>(seatUrl(address, `search?${query.toString()}`), { signal }), parseNameMatch)
}

export function contentParameters(query: ContentQuery): URLSearchParams {
  const parameters = new URLSearchParams({
    q: query.text,
    in: 'contents',
    case: query.matchCase ? 'sensitive' : 'insensitive',
    limit: String(MOST_CONTENT_MATCHES),
  })
  if (query.regex) parameters.set('regex', 'true')
  if (query.word) parameters.set('word', 'true')
  if (query.everything) parameters.set('all', 'true')
  for (const glob of splitGlobs(query.include)) parameters.append('glob', glob)
  for (const glob of splitGlobs(query.exclude)) parameters.append('glob', glob.startsWith('!') ? glob : `!${glob}`)
  return parameters
}

/** At commas, but not at those inside `{a,b}`. */
export function splitGlobs(text: string): string[] {
  const globs: string[] = []
  let depth = 0
  let glob = ''
  for (const character of text) {
    if (character === '{') depth += 1
    if (character === '}') depth = Math.max(0, depth - 1)
    if (character === ',' && depth === 0) {
      globs.push(glob)
      glob = ''
    } else {
      glob += character
    }
  }
  return [...globs, glob].map((each) => each.trim()).filter((each) => each !== '' && each !== '!')
}

function parseFound<Match>(answer: unknown, parse: (match: unknown) => Match): Found<Match> {
  if (!isRecord(answer) || !Array.isArray(answer['matches'])) throw badAnswer()
  const { truncated, reason } = answer
  return {
    matches: answer['matches'].map(parse),
    cutBy: truncated !== true ? null : reason === 'time' ? 'time' : 'limit',
  }
}

function parseContentMatch(value: unknown): ContentMatch {
  if (!isRecord(value)) throw badAnswer()
  const { path, text } = value
  const [line, column, endColumn, textColumn] = [
    value['line'],
    value['column'],
    value['end_column'],
    value['text_column'],
  ].map(countOf)
  if (typeof path !== 'string' || typeof text !== 'string') throw badAnswer()
  if (line === undefined || column === undefined || endColumn === undefined || textColumn === undefined) {
    throw badAnswer()
  }
  return { path, text, line, column, endColumn, textColumn }
}

function parseNameMatch(value: unknown): NameMatch {
  if (!isRecord(value)) throw badAnswer()
  const { path, name, kind } = value
  if (typeof path !== 'string' || typeof name !== 'string') throw badAnswer()
  return { path, name, kind: kind === 'directory' || kind === 'symlink' ? kind : 'file' }
}

function countOf(value: unknown): number | undefined {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 1 ? value : undefined
}

function badAnswer(): ApiError {
  return new ApiError(BAD_ANSWER, 'The seat sent an answer to the search that this page does not understand.', 200)
}
