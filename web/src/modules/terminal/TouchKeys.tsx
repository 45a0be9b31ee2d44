import type { TerminalKey } from './emulator'
import styles from './TerminalView.module.css'

const KEYS: { key: TerminalKey; label: string; name: string }[] = [
  { key: 'escape', label: 'Esc', name: 'Escape' },
  { key: 'tab', label: 'Tab', name: 'Tab' },
  { key: 'interrupt', label: 'Ctrl+C', name: 'Interrupt, Control C' },
  { key: 'up', label: '↑', name: 'Up' },
  { key: 'down', label: '↓', name: 'Down' },
  { key: 'left', label: '←', name: 'Left' },
  { key: 'right', label: '→', name: 'Right' },
]

/** The keys that a phone's keyboard lacks; shown only where fingers point. */
export function TouchKeys({ onKey }: { onKey: (key: TerminalKey) => void }) {
  return (
    <div className={styles.keys} role="group" aria-label="Keys">
      {KEYS.map(({ key, label, name }) => (
        <button
          key={key}
          type="button"
          aria-label={name}
          onPointerDown={(event) => event.preventDefault()} // Keeps the phone's keyboard up.
          onClick={() => onKey(key)}
        >
          {label}
        </button>
      ))}
    </div>
  )
}
