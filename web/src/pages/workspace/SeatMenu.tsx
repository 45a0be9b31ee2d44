import { useId } from 'react'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Icon } from '../../components/Icon'
import type { SeatRecord } from '../../modules/auth/seatRecords'
import styles from './workspace.module.css'

function visitLabel(learner: string): string {
  return learner === '' ? 'Free seat' : `${learner}’s seat`
}

/** Who sits here, and the way back. A popover of the platform: it closes by Escape and by a click elsewhere. */
export function SeatMenu({ record }: { record: SeatRecord }) {
  const id = useId()
  const isInstructor = record.role === 'instructor'
  return (
    <>
      <Button look="quiet" size="small" className={styles.me} popoverTarget={id} data-testid="seat-menu">
        <Icon name="person" />
        <bdi className={styles.meName}>{isInstructor ? visitLabel(record.name) : record.name}</bdi>
      </Button>
      <div id={id} popover="auto" className={styles.popover} role="dialog" aria-label="This seat">
        {record.role === 'learner' ? (
          <>
            <p>
              You are <bdi className={styles.strong}>{record.name}</bdi>, on seat {record.seat}. This code brings you
              back from any device. Keep it to yourself.
            </p>
            <div className={styles.reconnect}>
              <code data-testid="reconnect-code">{record.reconnectCode}</code>
              <CopyButton text={record.reconnectCode} label="Copy" />
            </div>
          </>
        ) : (
          <p>You visit this seat as its instructor. The learner sees what you type.</p>
        )}
        <dl className={styles.keys}>
          <dt>
            <kbd>F6</kbd>
          </dt>
          <dd>next pane</dd>
          <dt>
            <kbd>Ctrl</kbd>+<kbd>S</kbd>
          </dt>
          <dd>save the file</dd>
          <dt>
            <kbd>Ctrl</kbd>+<kbd>P</kbd>
          </dt>
          <dd>go to a file by its name</dd>
          <dt>
            <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>F</kbd>
          </dt>
          <dd>search in all files</dd>
          <dt>
            <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>C</kbd>
          </dt>
          <dd>copy from the terminal</dd>
        </dl>
      </div>
    </>
  )
}
