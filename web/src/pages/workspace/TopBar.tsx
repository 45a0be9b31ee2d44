import { Link } from 'react-router'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Icon } from '../../components/Icon'
import { Menu, MenuNote, MenuSeparator } from '../../components/Menu'
import { Wordmark } from '../../components/Wordmark'
import type { SeatRecord } from '../../modules/auth/seatRecords'
import type { SeatState } from '../../modules/auth/seatSession'
import styles from './workspace.module.css'

const CONNECTION: Record<SeatState['phase'], string> = {
  opening: 'Connecting',
  ready: 'Connected',
  waiting: 'Reconnecting',
  gone: 'Disconnected',
}

export function TopBar({ record, state, canChange }: { record: SeatRecord; state: SeatState; canChange: boolean }) {
  const isInstructor = record.role === 'instructor'
  return (
    <header className={styles.top}>
      <Wordmark compact />
      <h1 className={styles.title}>
        <bdi>{record.workshopName}</bdi>
      </h1>
      <span className={styles.seat}>Seat {record.seat}</span>
      {!canChange && <span className={styles.seat}>View only</span>}
      <span className={styles.connection} role="status" data-testid="connection" data-state={state.phase}>
        <span className={styles.dot} aria-hidden="true" />
        <span className={styles.connectionText}>{CONNECTION[state.phase]}</span>
      </span>
      <span className={styles.spacer} />
      {isInstructor && (
        <Link className={styles.back} to={`/workshops/${record.workshop}`}>
          <Icon name="back" size={14} /> Workshop
        </Link>
      )}
      <Menu
        trigger={
          <Button look="quiet" size="small" className={styles.me} data-testid="seat-menu">
            <Icon name="person" />
            <bdi className={styles.meName}>{record.name || (isInstructor ? 'Nobody here yet' : 'You')}</bdi>
          </Button>
        }
      >
        {record.role === 'learner' ? (
          <>
            <MenuNote>
              Your reconnect code brings you back to this seat from any device. Keep it to yourself.
            </MenuNote>
            <div className={styles.reconnect}>
              <code data-testid="reconnect-code">{record.reconnectCode}</code>
              <CopyButton text={record.reconnectCode} label="Copy" />
            </div>
          </>
        ) : (
          <MenuNote>You visit this seat as its instructor. The learner sees what you type.</MenuNote>
        )}
        <MenuSeparator />
        <MenuNote>
          <kbd>F6</kbd> next pane · <kbd>Ctrl</kbd>+<kbd>S</kbd> save · <kbd>Ctrl</kbd>+<kbd>Shift</kbd>+<kbd>C</kbd> copy from
          the terminal
        </MenuNote>
      </Menu>
    </header>
  )
}
