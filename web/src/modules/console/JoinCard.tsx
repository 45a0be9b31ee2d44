import type { Workshop } from '../../api/types'
import { CopyButton } from '../../components/CopyButton'
import styles from './console.module.css'

/** What goes on the wall: the code, big, and the link. */
export function JoinCard({ workshop }: { workshop: Workshop }) {
  const address = workshop.join_url.replace(/#.*$/, '').replace(/^https?:\/\//, '')
  return (
    <section className={styles.join} aria-label="How learners join">
      <div>
        <h2 className={styles.joinTitle}>Join code</h2>
        <p className={styles.code} data-testid="join-code">
          {workshop.code}
        </p>
        <p className={styles.joinHint}>
          Learners go to <strong>{address}</strong> and enter it with their name.
        </p>
      </div>
      <div className={styles.joinLink}>
        <input
          className={styles.link}
          readOnly
          value={workshop.join_url}
          aria-label="Join link"
          data-testid="join-link"
          onFocus={(event) => event.currentTarget.select()}
        />
        <div className={styles.copies}>
          <CopyButton text={workshop.join_url} label="Copy link" testId="copy-link" />
          <CopyButton text={workshop.code} label="Copy code" testId="copy-code" />
        </div>
      </div>
    </section>
  )
}
