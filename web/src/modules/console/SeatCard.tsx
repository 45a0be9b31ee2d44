import { useMutation } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { useNavigate } from 'react-router'
import { asSentence, messageOf } from '../../api/client'
import type { Seat, SeatBrowser, Workshop } from '../../api/types'
import { useSeatAction, type SeatMode } from '../../api/workshops'
import { Badge } from '../../components/Badge'
import { Button } from '../../components/Button'
import { ConfirmDialog } from '../../components/Dialog'
import { Icon } from '../../components/Icon'
import { Menu, MenuItem, MenuSeparator } from '../../components/Menu'
import { Tooltip } from '../../components/Tooltip'
import { openAsInstructor, seatPath } from '../auth/enterSeat'
import { browserWords, PRESENCE, presenceHint, SEAT_STATUS, timeOfDay } from './words'
import styles from './console.module.css'

const SURE = {
  reset: {
    title: 'Start this seat afresh?',
    text: 'The learner keeps the seat; files, programs and history on it go. For half an hour you can undo it.',
    confirm: 'Reset seat',
  },
  release: {
    title: 'Free this seat?',
    text: 'The learner loses the seat, and everything on it goes. Somebody else can take it then.',
    confirm: 'Release seat',
  },
  'undo-reset': {
    title: 'Undo the reset?',
    text: 'The seat gets its files of before back. What was made since the reset goes.',
    confirm: 'Undo the reset',
  },
} as const

/** One place in the class; `frozen` when the workshop is on its way out. */
export function SeatCard({ workshop, seat, frozen }: { workshop: Workshop; seat: Seat; frozen: boolean }) {
  const navigate = useNavigate()
  const [asking, setAsking] = useState<keyof typeof SURE | null>(null)
  const action = useSeatAction(workshop.id)
  const opening = useMutation({
    mutationFn: async ({ mode, pane }: { mode: SeatMode; pane?: 'browser' }) =>
      seatPath(await openAsInstructor(workshop, seat.number, mode), pane),
    onSuccess: (path) => navigate(path),
  })
  // Nothing is made of a workshop that waits for its time.
  const isWaiting = workshop.status === 'scheduled' && seat.status === 'provisioning'
  const { label, tone } = isWaiting ? { label: 'Not made yet', tone: 'neutral' as const } : SEAT_STATUS[seat.status]
  const isUp = seat.status === 'ready' || seat.status === 'occupied'
  const failure = opening.error ?? action.error
  const canUndo = useIsFuture(seat.undo_reset_until)

  return (
    <li className={styles.seat} data-testid="seat-card" data-seat={seat.number} data-status={seat.status}>
      <div className={styles.seatHead}>
        <span className={styles.seatNumber}>Seat {seat.number}</span>
        {seat.locked_at ? (
          <Tooltip text={`Locked since ${timeOfDay(seat.locked_at)}: nobody gets in but you; files and programs stay`}>
            <span data-testid="seat-locked">
              <Badge tone="warn">Locked</Badge>
            </span>
          </Tooltip>
        ) : (
          <Badge tone={tone}>{label}</Badge>
        )}
        {!frozen && !isWaiting && (
          <Menu
            trigger={
              <Button look="quiet" size="icon" aria-label={`Actions for seat ${seat.number}`}>
                <Icon name="more" />
              </Button>
            }
          >
            <MenuItem disabled={!isUp} onSelect={() => opening.mutate({ mode: 'view' })}>
              <Icon name="terminal" /> Watch
            </MenuItem>
            {workshop.browser !== 'off' && (
              <>
                <MenuItem disabled={!isUp} onSelect={() => opening.mutate({ mode: 'view', pane: 'browser' })}>
                  <Icon name="browser" /> Watch its browser
                </MenuItem>
                <MenuItem disabled={!isUp} onSelect={() => opening.mutate({ mode: 'control', pane: 'browser' })}>
                  <Icon name="edit" /> Take over its browser
                </MenuItem>
              </>
            )}
            <MenuSeparator />
            <MenuItem
              onSelect={() => action.mutate({ seat: seat.number, action: seat.locked_at ? 'unlock' : 'lock' })}
            >
              <Icon name="lock" /> {seat.locked_at ? 'Unlock' : 'Lock'}
            </MenuItem>
            <MenuItem disabled={!isUp} onSelect={() => setAsking('reset')}>
              <Icon name="refresh" /> Reset…
            </MenuItem>
            {canUndo && (
              <MenuItem onSelect={() => setAsking('undo-reset')}>
                <Icon name="undo" /> Undo the reset…
              </MenuItem>
            )}
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
            {/* Nobody counts any more who is there while the seats go. */}
            {!frozen && (
              <Tooltip text={presenceHint(seat.learner)}>
                <span className={styles.presence} data-presence={seat.learner.presence} data-testid="presence">
                  {PRESENCE[seat.learner.presence]}
                </span>
              </Tooltip>
            )}
          </>
        ) : (
          <span className={styles.nobody}>Nobody here yet</span>
        )}
      </div>
      {!frozen && seat.browser && <BrowserOfSeat browser={seat.browser} />}
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
            onClick={() => opening.mutate({ mode: 'control' })}
          >
            Open
          </Button>
        )}
        {!frozen && seat.locked_at && (
          <Button
            size="small"
            busy={action.isPending && action.variables.action === 'unlock'}
            aria-label={`Unlock seat ${seat.number}`}
            onClick={() => action.mutate({ seat: seat.number, action: 'unlock' })}
          >
            <Icon name="lock" /> Unlock
          </Button>
        )}
        {!frozen && isUp && canUndo && (
          <Tooltip text={`The files of before are kept until ${timeOfDay(seat.undo_reset_until)}`}>
            <Button
              size="small"
              look="quiet"
              busy={action.isPending && action.variables.action === 'undo-reset'}
              aria-label={`Undo reset of seat ${seat.number}`}
              onClick={() => setAsking('undo-reset')}
            >
              <Icon name="undo" /> Undo reset
            </Button>
          </Tooltip>
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

function BrowserOfSeat({ browser }: { browser: SeatBrowser }) {
  const words = browserWords(browser)
  if (words === null) return null
  return (
    <p className={styles.nobody} data-testid="seat-browser" data-status={browser.status}>
      {words}
      {browser.reason && `: ${asSentence(browser.reason.message)}`}
    </p>
  )
}

/** Whether the moment is still to come; it ends by itself. */
function useIsFuture(moment: string | null | undefined): boolean {
  const [now, setNow] = useState(() => Date.now())
  const left = moment ? Date.parse(moment) - now : 0
  useEffect(() => {
    if (left <= 0) return
    const timer = setTimeout(() => setNow(Date.now()), Math.min(left + 50, LONGEST_TIMER_MS))
    return () => clearTimeout(timer)
  }, [left])
  return left > 0
}

const LONGEST_TIMER_MS = 60 * 60 * 1000
