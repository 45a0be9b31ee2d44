import type { ReactNode } from 'react'
import { Wordmark } from './Wordmark'
import styles from './CardPage.module.css'

/** A page with one thing to do: the wordmark, a card, and a way elsewhere below it. */
export function CardPage({
  title,
  lead,
  children,
  footer,
}: {
  title: string
  lead?: ReactNode
  children: ReactNode
  footer?: ReactNode
}) {
  return (
    <main className={styles.page}>
      <Wordmark />
      <section className={styles.card}>
        <header className={styles.header}>
          <h1>{title}</h1>
          {lead && <div className={styles.lead}>{lead}</div>}
        </header>
        {children}
      </section>
      {footer && <footer className={styles.footer}>{footer}</footer>}
    </main>
  )
}
