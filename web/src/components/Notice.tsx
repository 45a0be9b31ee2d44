import type { ReactNode } from 'react'
import styles from './Notice.module.css'

interface Props {
  tone?: 'info' | 'warn' | 'error' | 'ok'
  children: ReactNode
  action?: ReactNode
  testId?: string
}

/** A sentence that belongs to its surroundings, with what can be done about it. */
export function Notice({ tone = 'info', children, action, testId }: Props) {
  return (
    <div
      className={`${styles.notice} ${styles[tone]}`}
      role={tone === 'error' || tone === 'warn' ? 'alert' : 'status'}
      data-testid={testId}
    >
      <div className={styles.text}>{children}</div>
      {action && <div className={styles.action}>{action}</div>}
    </div>
  )
}
