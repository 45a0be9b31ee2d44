import { useState } from 'react'
import { archiveUrl } from '../../api/archive'
import type { End, SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'
import { useMinutesLeft } from '../../components/useMinutesLeft'
import { endWords, warningAt } from './endWarning'
import styles from './workspace.module.css'

/** Tells a learner 15, 5 and 1 minutes before the workshop ends, each once, with the way to keep what is theirs. */
export function EndNotice({ address, end }: { address: SeatAddress; end: End | null }) {
  const left = useMinutesLeft(end?.at)
  const warning = warningAt(left)
  const [seen, setSeen] = useState<string | null>(null)
  const key = `${end?.at} ${warning}`
  if (end === null || left === null || warning === null || seen === key) return null
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
      {endWords(left, end.cause)}
    </Notice>
  )
}

/** Stays for the last quarter of an hour. */
export function EndsIn({ end }: { end: End | null }) {
  const left = useMinutesLeft(end?.at)
  if (left === null || warningAt(left) === null) return null
  return (
    <span className={styles.endsIn} role="timer" data-testid="ends-in">
      {left <= 1 ? 'Ends in a minute' : `Ends in ${left} min`}
    </span>
  )
}
