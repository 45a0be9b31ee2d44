import { useState } from 'react'
import type { Workshop } from '../../api/types'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Icon } from '../../components/Icon'
import { isOnlyHere, joinAddress } from './joinAddress'
import { JoinDialog } from './JoinDialog'
import { JoinQr } from './JoinQr'
import { Reach } from './Reach'
import { isInRoom } from './reachStage'
import styles from './console.module.css'

/** What goes on the wall: the code, big, the link, and its QR code. */
export function JoinCard({ workshop }: { workshop: Workshop }) {
  const [isLarge, setLarge] = useState(false)
  return (
    <section className={styles.join} aria-label="How learners join">
      <div>
        <h2 className={styles.joinTitle}>Join code</h2>
        <p className={styles.code} data-testid="join-code">
          {workshop.code}
        </p>
        <p className={styles.joinHint}>
          Learners go to <strong>{joinAddress(workshop.join_url)}</strong> and enter it with their name.
        </p>
        {isOnlyHere(workshop.join_url) && (
          <p className={styles.joinHint} data-testid="only-here">
            Only this computer reaches that address. Start the server with <code>--room</code> to let a class in.
          </p>
        )}
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
          <Button size="small" data-testid="join-large" onClick={() => setLarge(true)}>
            <Icon name="enlarge" /> Show large
          </Button>
        </div>
      </div>
      <div className={styles.joinQr}>
        <JoinQr workshop={workshop} alt="QR code of the join link" />
      </div>
      {!isOnlyHere(workshop.join_url) && isInRoom(workshop.join_url) && <Reach joinUrl={workshop.join_url} />}
      <JoinDialog workshop={workshop} open={isLarge} onOpenChange={setLarge} />
    </section>
  )
}
