import styles from './Wordmark.module.css'

export function Wordmark({ compact = false }: { compact?: boolean }) {
  return (
    <span className={styles.wordmark}>
      <svg width="22" height="22" viewBox="0 0 32 32" aria-hidden="true" focusable="false">
        <rect width="32" height="32" rx="7" fill="#0f6e64" />
        <path
          d="M8 10l6 6-6 6"
          fill="none"
          stroke="#fff"
          strokeWidth="3"
          strokeLinecap="round"
          strokeLinejoin="round"
        />
        <path d="M17 22h7" stroke="#7fe3d4" strokeWidth="3" strokeLinecap="round" />
      </svg>
      {compact ? <span className="visually-hidden">ClaraTeach</span> : <span>ClaraTeach</span>}
    </span>
  )
}
