import type { Workshop } from '../../api/types'
import { Dialog } from '../../components/Dialog'
import { joinAddress } from './joinAddress'
import { JoinQr } from './JoinQr'
import styles from './join.module.css'

interface Props {
  workshop: Workshop
  open: boolean
  onOpenChange: (open: boolean) => void
}

/** For the projector: what the last row must be able to read, and nothing else. */
export function JoinDialog({ workshop, open, onOpenChange }: Props) {
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title={`Join “${workshop.name}”`}
      size="full"
      testId="join-dialog"
    >
      <div className={styles.wall}>
        <dl className={styles.wallWords}>
          <div>
            <dt>Go to</dt>
            <dd className={styles.wallAddress}>{joinAddress(workshop.join_url)}</dd>
          </div>
          <div>
            <dt>and enter the code</dt>
            <dd className={styles.wallCode}>{workshop.code}</dd>
          </div>
        </dl>
        <figure className={styles.wallQr}>
          <JoinQr workshop={workshop} alt="QR code of the join link" />
          <figcaption>or scan this with a phone or tablet</figcaption>
        </figure>
      </div>
    </Dialog>
  )
}
