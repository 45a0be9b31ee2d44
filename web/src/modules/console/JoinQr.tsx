import { useState } from 'react'
import type { Workshop } from '../../api/types'
import { joinQrUrl } from '../../api/workshops'
import { Button } from '../../components/Button'
import styles from './join.module.css'

/** The join link for cameras; as large as its place. */
export function JoinQr({ workshop, alt }: { workshop: Workshop; alt: string }) {
  const [attempt, setAttempt] = useState({ number: 0, failed: false })
  if (attempt.failed) {
    return (
      <span className={styles.qrFailed}>
        The QR code did not load.{' '}
        <Button size="small" onClick={() => setAttempt({ number: attempt.number + 1, failed: false })}>
          Try again
        </Button>
      </span>
    )
  }
  return (
    <img
      key={attempt.number}
      className={styles.qr}
      src={joinQrUrl(workshop.id)}
      alt={alt}
      width={240}
      height={240}
      data-testid="join-qr"
      onError={() => setAttempt({ number: attempt.number, failed: true })}
    />
  )
}
