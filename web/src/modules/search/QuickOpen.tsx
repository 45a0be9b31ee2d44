import { keepPreviousData, useQuery } from '@tanstack/react-query'
import { useId, useRef, useState, type KeyboardEvent } from 'react'
import { isApiError, isPassing, messageOf } from '../../api/client'
import { searchNames } from '../../api/search'
import type { SeatAddress } from '../../api/seat'
import { Dialog } from '../../components/Dialog'
import { highlight } from './fuzzy'
import { useDebounced } from './useDebounced'
import styles from './Search.module.css'

const REST_MS = 70

interface Props {
  open: boolean
  onOpenChange: (open: boolean) => void
  address: SeatAddress
  generation: number
  /** Offered before anything is typed. */
  recent: readonly string[]
  onOpen: (path: string) => void
}

/** Goes to a file by a few letters of its name. */
export function QuickOpen({ open, onOpenChange, address, generation, recent, onOpen }: Props) {
  const went = useRef(false)
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Go to file"
      testId="quick-open"
      returnsFocus={() => {
        const back = !went.current
        went.current = false
        return back
      }}
    >
      <Finder
        address={address}
        generation={generation}
        recent={recent}
        onOpen={(path) => {
          went.current = true
          onOpen(path)
        }}
      />
    </Dialog>
  )
}

function Finder({ address, generation, recent, onOpen }: Pick<Props, 'address' | 'generation' | 'recent' | 'onOpen'>) {
  const { endpoint, seat } = address
  const [text, setText] = useState('')
  const [rested] = useDebounced(text.trim(), REST_MS)
  const [chosen, setChosen] = useState(0)
  const id = useId()
  const found = useQuery({
    queryKey: ['names', endpoint, seat, generation, rested],
    queryFn: ({ signal }) => searchNames({ endpoint, seat }, rested, signal),
    enabled: rested !== '',
    placeholderData: rested === '' ? undefined : keepPreviousData,
    gcTime: 0,
    retry: (failures, error) => failures < 8 && (isPassing(error) || isApiError(error, 'busy')),
  })
  const files = found.data?.matches.filter(({ kind }) => kind !== 'directory').map(({ path }) => path)
  const paths = rested === '' ? recent : (files ?? [])
  const index = Math.min(chosen, Math.max(0, paths.length - 1))
  const optionId = (position: number) => `${id}-option-${position}`

  function onKeyDown(event: KeyboardEvent) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 8, PageUp: -8 }[event.key]
    if (step !== undefined && paths.length > 0) {
      event.preventDefault()
      const wanted = Math.abs(step) === 1 ? (index + step + paths.length) % paths.length : index + step
      const next = Math.min(Math.max(0, wanted), paths.length - 1)
      setChosen(next)
      document.getElementById(optionId(next))?.scrollIntoView({ block: 'nearest' })
    }
    const path = paths[index]
    if (event.key === 'Enter' && !event.nativeEvent.isComposing && path !== undefined) {
      event.preventDefault()
      onOpen(path)
    }
  }

  return (
    <div className={styles.finder}>
      <input
        role="combobox"
        aria-label="Name of the file"
        aria-expanded={paths.length > 0}
        aria-controls={`${id}-list`}
        aria-activedescendant={paths.length > 0 ? optionId(index) : undefined}
        aria-autocomplete="list"
        placeholder="A few letters of its name"
        data-testid="quick-open-input"
        autoComplete="off"
        autoCapitalize="off"
        spellCheck={false}
        value={text}
        onChange={(event) => {
          setText(event.currentTarget.value)
          setChosen(0)
        }}
        onKeyDown={onKeyDown}
      />
      <p className={styles.summary} role="status">
        {found.error && rested !== ''
          ? messageOf(found.error)
          : rested === ''
            ? recent.length > 0
              ? 'Open files'
              : 'Type to find a file.'
            : !found.data
              ? 'Looking…'
              : paths.length === 0
                ? 'No file of such a name.'
                : ''}
      </p>
      <div id={`${id}-list`} role="listbox" aria-label="Files" className={styles.options}>
        {paths.map((path, position) => (
          // The keys are those of the field: it keeps the focus.
          // eslint-disable-next-line jsx-a11y/click-events-have-key-events
          <div
            key={path}
            id={optionId(position)}
            role="option"
            tabIndex={-1}
            aria-selected={position === index}
            className={styles.option}
            data-testid="quick-open-option"
            data-path={path}
            onClick={() => onOpen(path)}
          >
            <PathWords path={path} query={rested} />
          </div>
        ))}
      </div>
    </div>
  )
}

function PathWords({ path, query }: { path: string; query: string }) {
  return (
    <bdi>
      {highlight(path, query).map(({ text, hit }, index) => (hit ? <b key={index}>{text}</b> : text))}
    </bdi>
  )
}
