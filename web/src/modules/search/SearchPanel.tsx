import { useEffect, useId, useRef, useState, type KeyboardEvent } from 'react'
import { isApiError, messageOf } from '../../api/client'
import { MOST_CONTENT_MATCHES, type ContentMatch, type ContentQuery, type Found } from '../../api/search'
import type { SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { Spinner } from '../../components/Spinner'
import { SearchFields } from './SearchFields'
import { SearchResults } from './SearchResults'
import { useContentSearch } from './useContentSearch'
import { useDebounced } from './useDebounced'
import styles from './Search.module.css'

const REST_MS = 250
const NOTHING: ContentQuery = {
  text: '',
  matchCase: false,
  word: false,
  regex: false,
  include: '',
  exclude: '',
  everything: false,
}

interface Props {
  address: SeatAddress
  generation: number
  /** Grows when somebody asks for the view: the field takes the focus. */
  asked: number
  onOpen: (match: ContentMatch) => void
}

/** Search in the contents of all files. */
export function SearchPanel({ address, generation, asked, onOpen }: Props) {
  const [query, setQuery] = useState(NOTHING)
  const [rested, rest] = useDebounced(query, REST_MS)
  const search = useContentSearch(address, generation, rested)
  const field = useRef<HTMLInputElement>(null)
  const results = useRef<HTMLDivElement>(null)
  const id = useId()

  useEffect(() => {
    if (asked === 0) return
    field.current?.focus()
    field.current?.select()
  }, [asked])

  const error = search.error
  const errorField = isApiError(error, 'invalid_input') ? (error.details.field ?? 'q') : null

  function onKeyDown(event: KeyboardEvent) {
    if (event.key === 'Enter') {
      event.preventDefault()
      if (query === rested) void search.refetch()
      else rest(query)
    } else if (event.key === 'ArrowDown' && event.target === field.current) {
      event.preventDefault()
      results.current?.querySelector<HTMLElement>('[role="treeitem"][tabindex="0"]')?.focus()
    }
  }

  return (
    <section className={styles.panel} aria-label="Search">
      <header className={styles.header}>
        <h2>Search</h2>
        {search.isFetching && <Spinner />}
      </header>
      {/* The keys of the fields in it. */}
      {/* eslint-disable-next-line jsx-a11y/no-noninteractive-element-interactions */}
      <form role="search" className={styles.form} onSubmit={(event) => event.preventDefault()} onKeyDown={onKeyDown}>
        <SearchFields
          query={query}
          field={field}
          error={errorField ? { id: `${id}-error`, field: errorField } : null}
          onChange={(change) => setQuery((before) => ({ ...before, ...change }))}
        />
      </form>
      {error && (
        <div className={styles.error} id={`${id}-error`} role="alert">
          <p>{messageOf(error)}</p>
          {errorField === null && (
            <Button size="small" onClick={() => void search.refetch()}>
              Try again
            </Button>
          )}
        </div>
      )}
      <p className={styles.summary} role="status" data-testid="search-summary" data-busy={search.isFetching || undefined}>
        {error ? '' : summaryOf(rested.text, search.data, search.isFetching)}
      </p>
      {!error && search.data && (
        <div ref={results} className={styles.results}>
          <SearchResults matches={search.data.matches} onOpen={onOpen} onLeaveUp={() => field.current?.focus()} />
        </div>
      )}
    </section>
  )
}

function summaryOf(text: string, found: Found<ContentMatch> | undefined, isFetching: boolean): string {
  if (text === '') return 'Finds text in all files of your seat.'
  if (!found) return isFetching ? 'Searching…' : ''
  const { matches, cutBy } = found
  if (matches.length === 0) {
    return cutBy === 'time' ? 'Nothing found in the time there was. Make the search narrower.' : 'Nothing found.'
  }
  const files = new Set(matches.map(({ path }) => path)).size
  const counted = `${matches.length} ${matches.length === 1 ? 'match' : 'matches'} in ${files} ${files === 1 ? 'file' : 'files'}.`
  if (cutBy === 'limit') return `The first ${MOST_CONTENT_MATCHES} matches. There are more: make the search narrower.`
  return cutBy === 'time' ? `${counted} There may be more: it took too long to look everywhere.` : counted
}
