import { Link } from 'react-router'
import type { End } from '../../api/seat'
import { Icon } from '../../components/Icon'
import { Wordmark } from '../../components/Wordmark'
import type { SeatRecord } from '../../modules/auth/seatRecords'
import type { SeatState } from '../../modules/auth/seatSession'
import { EndsIn } from './EndNotice'
import { SeatMenu } from './SeatMenu'
import styles from './workspace.module.css'

const CONNECTION: Record<SeatState['phase'], string> = {
  opening: 'Connecting',
  ready: 'Connected',
  waiting: 'Reconnecting',
  gone: 'Disconnected',
}

interface Props {
  record: SeatRecord
  state: SeatState
  canChange: boolean
  end: End | null
}

export function TopBar({ record, state, canChange, end }: Props) {
  const isInstructor = record.role === 'instructor'
  return (
    <header className={styles.top}>
      <Wordmark compact />
      <h1 className={styles.title}>
        <bdi>{record.workshopName}</bdi>
      </h1>
      <span className={styles.seat}>Seat {record.seat}</span>
      {!canChange && <span className={`${styles.seat} ${styles.viewOnly}`}>View only</span>}
      <span className={styles.connection} role="status" data-testid="connection" data-state={state.phase}>
        <span className={styles.dot} aria-hidden="true" />
        <span className={styles.connectionText}>
          {state.phase === 'waiting' && state.why === 'locked' ? 'Locked' : CONNECTION[state.phase]}
        </span>
      </span>
      <EndsIn end={end} />
      <span className={styles.spacer} />
      {isInstructor && (
        <Link className={styles.back} to={`/workshops/${record.workshop}`}>
          <Icon name="back" size={14} /> Workshop
        </Link>
      )}
      <SeatMenu record={record} />
    </header>
  )
}
