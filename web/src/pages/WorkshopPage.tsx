import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useParams } from 'react-router'
import { isApiError, messageOf } from '../api/client'
import type { StreamState } from '../api/eventSocket'
import { useWorkshopEvents } from '../api/events'
import type { Workshop } from '../api/types'
import { FALLBACK_POLL_MS, useAddSeats, useDeleteWorkshop, workshopQuery } from '../api/workshops'
import { Badge } from '../components/Badge'
import { Button } from '../components/Button'
import { Icon } from '../components/Icon'
import { Notice } from '../components/Notice'
import { Failed, Loading, State } from '../components/State'
import { ConsoleShell } from '../modules/console/ConsoleShell'
import { DeleteWorkshopDialog } from '../modules/console/DeleteWorkshop'
import { JoinCard } from '../modules/console/JoinCard'
import { SeatCard } from '../modules/console/SeatCard'
import { WorkshopEnd } from '../modules/console/WorkshopEnd'
import { StreamNote } from '../modules/console/StreamNote'
import { WORKSHOP_STATUS } from '../modules/console/words'
import { WorkshopProgress } from '../modules/console/WorkshopProgress'
import { WorkshopReason } from '../modules/console/WorkshopReason'
import styles from '../modules/console/console.module.css'

export function WorkshopPage() {
  const { workshop: id = '' } = useParams()
  const deletion = useDeleteWorkshop()
  const [wasGone, setGone] = useState(false)
  const stream = useWorkshopEvents(id, wasGone)
  const workshop = useQuery({
    ...workshopQuery(id),
    enabled: !deletion.isSuccess,
    refetchInterval: stream === 'live' || stream === 'ended' ? false : FALLBACK_POLL_MS,
  })
  const isGone = deletion.isSuccess || isApiError(workshop.error, 'not_found')
  if (isGone && !wasGone) setGone(true)
  return (
    <ConsoleShell>
      <Link to="/workshops" className={styles.backLink}>
        <Icon name="back" size={14} /> All workshops
      </Link>
      {isGone ? (
        <State
          heading="h1"
          title={deletion.isSuccess ? 'The workshop is deleted' : 'There is no such workshop'}
          action={<Link to="/workshops">Back to your workshops</Link>}
          testId="workshop-gone"
        >
          {deletion.isSuccess ? 'Its seats and everything on them are gone.' : 'It may have been deleted.'}
        </State>
      ) : workshop.data ? (
        <>
          {workshop.isError && <Notice tone="warn">Not up to date: {messageOf(workshop.error)}</Notice>}
          <WorkshopView workshop={workshop.data} deletion={deletion} stream={stream} />
        </>
      ) : workshop.isError ? (
        <Failed
          title="The workshop did not load"
          message={messageOf(workshop.error)}
          onRetry={() => void workshop.refetch()}
        />
      ) : (
        <Loading label="Loading the workshop…" />
      )}
    </ConsoleShell>
  )
}

interface ViewProps {
  workshop: Workshop
  deletion: ReturnType<typeof useDeleteWorkshop>
  stream: StreamState
}

function WorkshopView({ workshop, deletion, stream }: ViewProps) {
  const [asking, setAsking] = useState(false)
  const addSeats = useAddSeats(workshop.id)
  const { label, tone } = WORKSHOP_STATUS[workshop.status]
  const isOver = workshop.status === 'ending' || workshop.status === 'ended'
  const failed = workshop.seats.filter((seat) => seat.status === 'failed').length
  const taken = workshop.seats.filter((seat) => seat.learner).length
  return (
    <>
      <div className={styles.head} data-testid="workshop" data-status={workshop.status}>
        <h1>
          <bdi>{workshop.name}</bdi>
        </h1>
        <Badge tone={tone}>{label}</Badge>
        <StreamNote state={stream} />
        <span className={styles.spacer} />
        <Button data-testid="delete-workshop" disabled={deletion.isPending} onClick={() => setAsking(true)}>
          <Icon name="trash" /> Delete
        </Button>
      </div>
      <WorkshopReason workshop={workshop} />
      {deletion.error && (
        <Notice
          tone="error"
          action={
            <Button size="small" onClick={() => deletion.mutate(workshop)}>
              Try again
            </Button>
          }
        >
          Not deleted: {messageOf(deletion.error)}
        </Notice>
      )}
      {!isOver && workshop.status !== 'failed' && <WorkshopEnd workshop={workshop} />}
      <WorkshopProgress workshop={workshop} />
      {!isOver && <JoinCard workshop={workshop} />}
      {!isOver && failed > 0 && workshop.status === 'ready' && (
        <Notice tone="warn">
          {failed} of {workshop.seats.length} seats failed; the others are ready. Retry makes a failed seat again.
        </Notice>
      )}
      <div className={styles.sectionHead}>
        <h2>Seats</h2>
        <span>
          {taken} of {workshop.seats.length} taken
        </span>
        <span className={styles.spacer} />
        {workshop.status === 'ready' && workshop.seats.length < 200 && (
          <Button size="small" busy={addSeats.isPending} onClick={() => addSeats.mutate({ count: 1 })}>
            {!addSeats.isPending && <Icon name="add" />} Add a seat
          </Button>
        )}
      </div>
      {addSeats.error && (
        <Notice
          tone={isApiError(addSeats.error, 'overcommit') ? 'warn' : 'error'}
          action={
            isApiError(addSeats.error, 'overcommit') && (
              <Button size="small" onClick={() => addSeats.mutate({ count: 1, allow_overcommit: true })}>
                Add it anyway
              </Button>
            )
          }
        >
          {messageOf(addSeats.error)}
        </Notice>
      )}
      <ul className={styles.seats} data-testid="seats">
        {workshop.seats.map((seat) => (
          <SeatCard key={seat.number} workshop={workshop} seat={seat} frozen={isOver} />
        ))}
      </ul>
      <DeleteWorkshopDialog workshop={workshop} open={asking} onOpenChange={setAsking} deletion={deletion} />
    </>
  )
}
