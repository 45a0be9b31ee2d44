import type { ReactNode } from 'react'
import { Button } from './Button'
import { Spinner } from './Spinner'
import styles from './State.module.css'

/** What a view shows instead of its content: loading, empty, or an error with a way on. */
export function State({ title, children, action, testId }: {
  title: string
  children?: ReactNode
  action?: ReactNode
  testId?: string
}) {
  return (
    <div className={styles.state} data-testid={testId}>
      <h2>{title}</h2>
      {children && <div className={styles.text}>{children}</div>}
      {action && <div className={styles.action}>{action}</div>}
    </div>
  )
}

export function Loading({ label = 'Loading…' }: { label?: string }) {
  return (
    <div className={styles.state}>
      <Spinner label={label} />
    </div>
  )
}

export function Failed({ title, message, onRetry }: { title: string; message: string; onRetry: () => void }) {
  return (
    <div className={styles.state} role="alert">
      <h2>{title}</h2>
      <p className={styles.text}>{message}</p>
      <div className={styles.action}>
        <Button onClick={onRetry}>Try again</Button>
      </div>
    </div>
  )
}
