import styles from './ProgressBar.module.css'

export function ProgressBar({ label, done, total }: { label: string; done: number; total: number }) {
  return (
    <div className={styles.progress}>
      <span className={styles.label}>{label}</span>
      <progress value={done} max={Math.max(total, 1)} aria-label={label} />
    </div>
  )
}
