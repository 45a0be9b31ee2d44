import { useState, type Ref } from 'react'
import type { ContentQuery } from '../../api/search'
import { Button } from '../../components/Button'
import { Tooltip } from '../../components/Tooltip'
import styles from './Search.module.css'

interface Props {
  query: ContentQuery
  field: Ref<HTMLInputElement>
  /** The seat's objection, to the text (`q`) or to a pattern of files. */
  error: { id: string; field: string } | null
  onChange: (change: Partial<ContentQuery>) => void
}

export function SearchFields({ query, field, error, onChange }: Props) {
  const [more, setMore] = useState(false)
  const isNarrowed = query.include !== '' || query.exclude !== '' || query.everything
  const wrong = (name: string) => (error?.field === name ? { 'aria-invalid': true, 'aria-describedby': error.id } : {})
  const open = more || error?.field === 'glob'
  return (
    <>
      <div className={styles.line}>
        <input
          ref={field}
          type="search"
          aria-label="Search in files"
          placeholder="Search in files"
          data-testid="search-input"
          autoComplete="off"
          autoCapitalize="off"
          spellCheck={false}
          value={query.text}
          onChange={(event) => onChange({ text: event.currentTarget.value })}
          {...wrong('q')}
        />
        <div className={styles.toggles}>
          <Toggle label="Match case" glyph="Aa" on={query.matchCase} onToggle={(matchCase) => onChange({ matchCase })} />
          <Toggle label="Whole words" glyph="[ab]" on={query.word} onToggle={(word) => onChange({ word })} />
          <Toggle label="Regular expression" glyph=".*" on={query.regex} onToggle={(regex) => onChange({ regex })} />
        </div>
      </div>
      <button
        type="button"
        className={styles.more}
        aria-expanded={open}
        data-testid="search-more"
        onClick={() => setMore(!open)}
      >
        Which files{isNarrowed && !open ? ' (chosen)' : ''}
      </button>
      {open && (
        <div className={styles.which}>
          <label>
            Only in
            <input
              placeholder="*.py, lessons/**"
              spellCheck={false}
              autoCapitalize="off"
              value={query.include}
              onChange={(event) => onChange({ include: event.currentTarget.value })}
              {...wrong('glob')}
            />
          </label>
          <label>
            Not in
            <input
              placeholder="*.lock, build/**"
              spellCheck={false}
              autoCapitalize="off"
              value={query.exclude}
              onChange={(event) => onChange({ exclude: event.currentTarget.value })}
              {...wrong('glob')}
            />
          </label>
          <label className={styles.check}>
            <input
              type="checkbox"
              checked={query.everything}
              onChange={(event) => onChange({ everything: event.currentTarget.checked })}
            />
            Everything, also node_modules, .git and what .gitignore names
          </label>
        </div>
      )}
    </>
  )
}

interface ToggleProps {
  label: string
  /** Drawn, not said: it means something only to those who know it. */
  glyph: string
  on: boolean
  onToggle: (on: boolean) => void
}

function Toggle({ label, glyph, on, onToggle }: ToggleProps) {
  return (
    <Tooltip text={label}>
      <Button
        look="quiet"
        size="icon"
        className={styles.toggle}
        aria-label={label}
        aria-pressed={on}
        data-glyph={glyph}
        onClick={() => onToggle(!on)}
      />
    </Tooltip>
  )
}
