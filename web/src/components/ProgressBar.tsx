import styles from './ProgressBar.module.css'

interface Props {
  label: string
  done: number
  total: number
  /** At the other end of the line: what is left. */
  note?: string
}

export function ProgressBar({ label, done, total, note = '' }: Props) {
  const percent = Math.floor((Math.max(done, 0) / Math.max(total, 1)) * 100)
  return (
    <div className={styles.progress} data-testid="progress">
      <span className={styles.line}>
        <span>{label}</span>
        <span className={styles.note}>
          {note !== '' && <span>{note}</span>}
          <strong>{percent} %</strong>
        </span>
      </span>
      <progress value={done} max={Math.max(total, 1)} aria-label={label} aria-valuetext={[`${percent} %`, note].filter(Boolean).join(', ')} />
    </div>
  )
}
