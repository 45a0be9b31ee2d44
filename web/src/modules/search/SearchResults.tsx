import { useRef, useState, type KeyboardEvent } from 'react'
import type { ContentMatch } from '../../api/search'
import { Icon } from '../../components/Icon'
import { moveInResults, piecesOf, resultRows, type ResultRow } from './results'
import styles from './Search.module.css'

interface Props {
  matches: readonly ContentMatch[]
  onOpen: (match: ContentMatch) => void
  /** Above the first row is the field. */
  onLeaveUp: () => void
}

export function SearchResults({ matches, onOpen, onLeaveUp }: Props) {
  const [folded, setFolded] = useState<ReadonlySet<string>>(new Set())
  const [focused, setFocused] = useState<string | null>(null)
  const tree = useRef<HTMLDivElement>(null)
  const rows = resultRows(matches, folded)
  const current = rows.find(({ id }) => id === focused) ?? rows[0]
  if (rows.length === 0) return null

  function fold(path: string, close: boolean) {
    setFolded((before) => {
      const next = new Set(before)
      if (close) next.add(path)
      else next.delete(path)
      return next
    })
  }

  function activate(row: ResultRow) {
    if (row.kind === 'match') onOpen(row.match)
    else fold(row.path, row.open)
  }

  function onKeyDown(event: KeyboardEvent, row: ResultRow) {
    if (event.ctrlKey || event.metaKey || event.altKey) return
    const move = moveInResults(event.key, rows, row.id)
    if (move?.to === 'row') {
      const items = tree.current?.querySelectorAll<HTMLElement>('[role="treeitem"]') ?? []
      ;[...items].find((item) => item.dataset['id'] === move.id)?.focus()
    } else if (move) fold(move.path, move.to === 'fold')
    else if (event.key === 'ArrowUp') onLeaveUp()
    else if (event.key === 'Enter' || event.key === ' ') activate(row)
    else return
    event.preventDefault()
  }

  return (
    <div ref={tree} role="tree" aria-label="Matches" data-testid="search-results">
      {rows.map((row) => (
        <div
          key={row.id}
          role="treeitem"
          aria-level={row.kind === 'file' ? 1 : 2}
          aria-selected={row.id === focused}
          {...(row.kind === 'file' ? { 'aria-expanded': row.open } : {})}
          tabIndex={row === current ? 0 : -1}
          className={row.kind === 'file' ? styles.file : styles.match}
          data-testid={row.kind === 'file' ? 'search-file' : 'search-match'}
          data-id={row.id}
          onClick={() => activate(row)}
          onFocus={() => setFocused(row.id)}
          onKeyDown={(event) => onKeyDown(event, row)}
        >
          {row.kind === 'file' ? <FileHead row={row} /> : <MatchLine match={row.match} />}
        </div>
      ))}
    </div>
  )
}

function FileHead({ row }: { row: Extract<ResultRow, { kind: 'file' }> }) {
  const slash = row.path.lastIndexOf('/')
  return (
    <>
      <span className={styles.twist} data-open={row.open || undefined}>
        <Icon name="chevron" size={12} />
      </span>
      <bdi className={styles.name}>{row.path.slice(slash + 1)}</bdi>
      {slash !== -1 && <bdi className={styles.folder}>{row.path.slice(0, slash)}</bdi>}
      <span className={styles.count}>
        {row.count}
        <span className="visually-hidden"> {row.count === 1 ? 'match' : 'matches'}</span>
      </span>
    </>
  )
}

function MatchLine({ match }: { match: ContentMatch }) {
  const { before, hit, after } = piecesOf(match)
  return (
    <>
      <span className={styles.lineNumber}>
        <span className="visually-hidden">line </span>
        {match.line}
      </span>
      <code className={styles.text}>
        {before}
        <mark>{hit}</mark>
        {after}
      </code>
    </>
  )
}
