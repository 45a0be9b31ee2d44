import { useMutation } from '@tanstack/react-query'
import { useId } from 'react'
import { useNavigate } from 'react-router'
import { leaveSeat } from '../../api/seat'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Icon } from '../../components/Icon'
import type { LearnerRecord, SeatRecord } from '../../modules/auth/seatRecords'
import type { JoinReason } from '../joinSentences'
import styles from './workspace.module.css'

function visitLabel(learner: string): string {
  return learner === '' ? 'Free seat' : `${learner}’s seat`
}

/** Who sits here, and the way back. A popover of the platform: it closes by Escape and by a click elsewhere. */
export function SeatMenu({ record }: { record: SeatRecord }) {
  const id = useId()
  const navigate = useNavigate()
  // Whether the server hears of it or not: who leaves, leaves.
  const leaving = useMutation({ mutationFn: () => leaveSeat(record), retry: false })
  const goToJoin = ({ code }: LearnerRecord) =>
    navigate({ pathname: '/join', hash: `#${code}` }, { state: { reason: 'left' satisfies JoinReason } })
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
            <p>
              <Button
                size="small"
                data-testid="leave"
                busy={leaving.isPending}
                onClick={() => leaving.mutate(undefined, { onSettled: () => goToJoin(record) })}
              >
                Leave for now
              </Button>
            </p>
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
