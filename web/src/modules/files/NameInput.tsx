import { useState } from 'react'
import { nameProblem } from './tree'
import styles from './FileTree.module.css'

interface Props {
  label: string
  initial: string
  level: number
  busy: boolean
  /** The seat's objection to the last try. */
  error: string | null
  onSubmit: (name: string) => void
  onCancel: () => void
}

/** Names a new entry, or an old one anew, in its place in the tree. Enter keeps it, Escape gives up. */
export function NameInput({ label, initial, level, busy, error, onSubmit, onCancel }: Props) {
  const [name, setName] = useState(initial)
  const [problem, setProblem] = useState<string | null>(null)
  const shown = problem ?? error

  function submit() {
    const found = nameProblem(name)
    setProblem(found)
    if (found === null && !busy) onSubmit(name)
  }

  return (
    <div className={styles.naming} style={{ paddingLeft: 12 + level * 14 }}>
      <input
        aria-label={label}
        aria-invalid={shown ? true : undefined}
        data-testid="file-name-input"
        // The person just asked for this field.
        // eslint-disable-next-line jsx-a11y/no-autofocus
        autoFocus
        autoComplete="off"
        spellCheck={false}
        value={name}
        readOnly={busy}
        onFocus={(event) => selectStem(event.currentTarget)}
        onChange={(event) => {
          setName(event.currentTarget.value)
          setProblem(null)
        }}
        onBlur={() => {
          if (name === initial && !busy) onCancel()
        }}
        onKeyDown={(event) => {
          event.stopPropagation()
          if (event.key === 'Enter') submit()
          if (event.key === 'Escape') onCancel()
        }}
      />
      {shown && (
        <p className={styles.problem} role="alert">
          {shown}
        </p>
      )}
    </div>
  )
}

/** `notes.txt` → `notes` is selected: the ending mostly stays. */
function selectStem(input: HTMLInputElement) {
  const dot = input.value.lastIndexOf('.')
  input.setSelectionRange(0, dot > 0 ? dot : input.value.length)
}
