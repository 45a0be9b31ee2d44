import type { ReactNode } from 'react'
import { Button } from './Button'
import { Spinner } from './Spinner'
import styles from './State.module.css'

/** What a view shows instead of its content: loading, empty, or an error with a way on. */
export function State({
  title,
  heading: Heading = 'h2',
  children,
  action,
  testId,
}: {
  title: string
  /** `h1` where nothing else on the page has a title. */
  heading?: 'h1' | 'h2'
  children?: ReactNode
  action?: ReactNode
  testId?: string
}) {
  return (
    <div className={styles.state} data-testid={testId}>
      <Heading>{title}</Heading>
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
