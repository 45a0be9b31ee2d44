import { useState } from 'react'
import { archiveUrl } from '../../api/archive'
import type { SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'
import { useMinutesLeft } from '../../components/useMinutesLeft'
import { warningAt } from './endWarning'
import styles from './workspace.module.css'

/** Tells a learner 15, 5 and 1 minutes before the workshop ends, each once, with the way to keep what is theirs. */
export function EndNotice({ address, endsAt }: { address: SeatAddress; endsAt: string | null }) {
  const left = useMinutesLeft(endsAt)
  const warning = warningAt(left)
  const [seen, setSeen] = useState<string | null>(null)
  const key = `${endsAt} ${warning}`
  if (left === null || warning === null || seen === key) return null
  return (
    <Notice
      tone="warn"
      testId="end-notice"
      action={
        <>
          <a className={styles.keep} href={archiveUrl(address, '')} download="workspace.zip">
            Download everything
          </a>
          <Button size="small" onClick={() => setSeen(key)}>
            Got it
          </Button>
        </>
      }
    >
      The workshop ends in {left <= 1 ? 'a minute' : `${left} minutes`}. Your seat and its files go then: download what you
      want to keep.
    </Notice>
  )
}

/** Stays for the last quarter of an hour. */
export function EndsIn({ endsAt }: { endsAt: string | null }) {
  const left = useMinutesLeft(endsAt)
  if (left === null || warningAt(left) === null) return null
  return (
    <span className={styles.endsIn} role="timer" data-testid="ends-in">
      {left <= 1 ? 'Ends in a minute' : `Ends in ${left} min`}
    </span>
  )
}
