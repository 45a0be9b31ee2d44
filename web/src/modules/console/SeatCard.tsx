import { useMutation } from '@tanstack/react-query'
import { useState } from 'react'
import { useNavigate } from 'react-router'
import { asSentence, messageOf } from '../../api/client'
import type { Seat, Workshop } from '../../api/types'
import { useSeatAction } from '../../api/workshops'
import { Badge } from '../../components/Badge'
import { Button } from '../../components/Button'
import { ConfirmDialog } from '../../components/Dialog'
import { Icon } from '../../components/Icon'
import { Menu, MenuItem } from '../../components/Menu'
import { Tooltip } from '../../components/Tooltip'
import { openAsInstructor, seatPath } from '../auth/enterSeat'
import { PRESENCE, presenceHint, SEAT_STATUS } from './words'
import styles from './console.module.css'

const SURE = {
  reset: {
    title: 'Start this seat afresh?',
    text: 'The learner keeps the seat; files, programs and history on it go.',
    confirm: 'Reset seat',
  },
  release: {
    title: 'Free this seat?',
    text: 'The learner loses the seat, and everything on it goes. Somebody else can take it then.',
    confirm: 'Release seat',
  },
} as const

/** One place in the class; `frozen` when the workshop is on its way out. */
export function SeatCard({ workshop, seat, frozen }: { workshop: Workshop; seat: Seat; frozen: boolean }) {
  const navigate = useNavigate()
  const [asking, setAsking] = useState<'reset' | 'release' | null>(null)
  const action = useSeatAction(workshop.id)
  const opening = useMutation({
    mutationFn: () => openAsInstructor(workshop, seat.number, 'control'),
    onSuccess: (record) => navigate(seatPath(record)),
  })
  const { label, tone } = SEAT_STATUS[seat.status]
  const isUp = seat.status === 'ready' || seat.status === 'occupied'
  const failure = opening.error ?? action.error

  return (
    <li className={styles.seat} data-testid="seat-card" data-seat={seat.number} data-status={seat.status}>
      <div className={styles.seatHead}>
        <span className={styles.seatNumber}>Seat {seat.number}</span>
        <Badge tone={tone}>{label}</Badge>
        {!frozen && (
          <Menu
            trigger={
              <Button look="quiet" size="icon" aria-label={`Actions for seat ${seat.number}`}>
                <Icon name="more" />
              </Button>
            }
          >
            <MenuItem disabled={!isUp} onSelect={() => setAsking('reset')}>
              <Icon name="refresh" /> Reset…
            </MenuItem>
            <MenuItem danger disabled={!seat.learner} onSelect={() => setAsking('release')}>
              <Icon name="person" /> Release…
            </MenuItem>
          </Menu>
        )}
      </div>
      <div className={styles.learner}>
        {seat.learner ? (
          <>
            <bdi className={styles.learnerName}>{seat.learner.name}</bdi>
            <Tooltip text={presenceHint(seat.learner)}>
              <span className={styles.presence} data-presence={seat.learner.presence} data-testid="presence">
                {PRESENCE[seat.learner.presence]}
              </span>
            </Tooltip>
          </>
        ) : (
          <span className={styles.nobody}>Nobody here yet</span>
        )}
      </div>
      {seat.reason && <p className={styles.reason}>{asSentence(seat.reason.message)}</p>}
      {failure && (
        <p className={styles.reason} role="alert">
          {messageOf(failure)}
        </p>
      )}
      <div className={styles.seatActions}>
        {!frozen && seat.status === 'failed' && (
          <Button
            size="small"
            look="primary"
            busy={action.isPending}
            onClick={() => action.mutate({ seat: seat.number, action: 'retry' })}
          >
            Retry
          </Button>
        )}
        {!frozen && isUp && (
          <Button
            size="small"
            busy={opening.isPending}
            aria-label={`Open seat ${seat.number}`}
            onClick={() => opening.mutate()}
          >
            Open
          </Button>
        )}
      </div>
      {asking !== null && (
        <ConfirmDialog
          open
          onOpenChange={() => setAsking(null)}
          title={SURE[asking].title}
          description={SURE[asking].text}
          confirm={SURE[asking].confirm}
          onConfirm={() => {
            action.mutate({ seat: seat.number, action: asking })
            setAsking(null)
          }}
        />
      )}
    </li>
  )
}
