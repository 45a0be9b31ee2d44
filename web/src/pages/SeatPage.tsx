import { useEffect, useState } from 'react'
import { Link, Navigate, useParams, useSearchParams } from 'react-router'
import { isSeatPort, type PortWish } from '../api/ports'
import { isSameEnd, type End } from '../api/seat'
import { Button } from '../components/Button'
import { CardPage } from '../components/CardPage'
import { Spinner } from '../components/Spinner'
import { forgetSeatRecord, learnerRecordIn, loadSeatRecord, type SeatRecord } from '../modules/auth/seatRecords'
import type { GoneReason, SeatState } from '../modules/auth/seatSession'
import { useSeatSession } from '../modules/auth/useSeatSession'
import type { JoinReason } from './joinSentences'
import { OpenPortPage } from './OpenPortPage'
import { Workspace } from './Workspace'

/** `/seat/:workshop/:seat`: a learner's workspace; with `?as=instructor`, an instructor's visit to it. */
export function SeatPage() {
  const { workshop = '', seat = '' } = useParams()
  const [query] = useSearchParams()
  const role = query.get('as') === 'instructor' ? 'instructor' : 'learner'
  const number = /^[1-9][0-9]{0,2}$/.test(seat) ? Number(seat) : 0
  const key = `${role} ${workshop} ${number}`
  const wish = portWish(query)
  if (wish) return <PortOf key={`${key} ${wish.port}`} role={role} workshop={workshop} seat={number} wish={wish} />
  const firstPane = query.get('pane') === 'browser' ? 'browser' : undefined
  return <SeatOf key={key} role={role} workshop={workshop} seat={number} firstPane={firstPane} />
}

/** What a link to a port names: `?open=5173&path=/a`. */
function portWish(query: URLSearchParams): PortWish | null {
  const port = Number(query.get('open'))
  if (!isSeatPort(port)) return null
  return { port, path: query.get('path') ?? '/' }
}

/** The seat's own learner, an instructor who is there, or a neighbour: whoever this browser is in that workshop. */
function PortOf({ role, workshop, seat, wish }: { role: SeatRecord['role']; workshop: string; seat: number; wish: PortWish }) {
  const [record] = useState(
    () =>
      loadSeatRecord(role, workshop, seat) ??
      loadSeatRecord('instructor', workshop, seat) ??
      loadSeatRecord('learner', workshop, seat) ??
      learnerRecordIn(workshop),
  )
  if (record) return <OpenPortPage record={record} seat={seat} wish={wish} />
  return <SeatOf role={role} workshop={workshop} seat={seat} />
}

interface SeatProps {
  role: SeatRecord['role']
  workshop: string
  seat: number
  firstPane?: 'browser' | undefined
}

function SeatOf({ role, workshop, seat, firstPane }: SeatProps) {
  const [record] = useState(() => loadSeatRecord(role, workshop, seat))
  if (record) return <SeatSessionView record={record} firstPane={firstPane} />
  if (role === 'instructor') return <Navigate to={`/workshops/${workshop}`} replace />
  return <Navigate to="/join" replace state={{ reason: 'unknown_seat' satisfies JoinReason }} />
}

function SeatSessionView({ record, firstPane }: { record: SeatRecord; firstPane: SeatProps['firstPane'] }) {
  const { session, state } = useSeatSession(record)
  const [wasReady, setWasReady] = useState(false)
  const [generation, setGeneration] = useState(0)
  const [end, setEnd] = useState<End | null>(null)
  if (state.phase === 'ready' && (!wasReady || generation !== state.generation)) {
    setWasReady(true)
    setGeneration(state.generation)
  }
  if (state.phase === 'ready' && !isSameEnd(end, state.end)) setEnd(state.end)

  useEffect(() => {
    const root = document.documentElement
    const title = document.title
    root.dataset['theme'] = 'dark'
    document.title = `${record.workshopName} – seat ${record.seat} – ClaraTeach`
    return () => {
      delete root.dataset['theme']
      document.title = title
    }
  }, [record])

  if (state.phase === 'gone') return <Gone record={record} why={state.why} />
  // Once it was there it stays: a reconnect must not take an editor or a terminal away.
  if (!wasReady) return <Entering state={state} />
  return <Workspace record={record} session={session} state={state} generation={generation} end={end} firstPane={firstPane} />
}

function Entering({ state }: { state: SeatState }) {
  const label =
    state.phase !== 'waiting'
      ? 'Opening your seat…'
      : state.why === 'offline'
        ? 'The server does not answer. Trying again…'
        : state.why === 'resetting'
          ? 'Your seat is being made afresh…'
          : state.why === 'locked'
            ? 'Your instructor has locked this seat. It opens by itself as soon as they unlock it.'
            : 'Your seat is coming up…'
  return (
    <CardPage title="One moment">
      <div data-testid="seat-entering">
        <Spinner label={label} />
      </div>
      {state.phase === 'waiting' && state.message && <p>{state.message}</p>}
      {state.phase === 'waiting' && state.why === 'offline' && (
        <Button onClick={() => window.location.reload()}>Try now</Button>
      )}
    </CardPage>
  )
}

function Gone({ record, why }: { record: SeatRecord; why: GoneReason }) {
  useEffect(() => {
    if (why !== 'signed_out') forgetSeatRecord(record)
  }, [record, why])

  if (why === 'signed_out') {
    if (record.role === 'instructor') {
      return <Navigate to="/signin" replace state={{ from: `/workshops/${record.workshop}` }} />
    }
    return (
      <Navigate
        to={{ pathname: '/join', hash: `#${record.code}` }}
        replace
        state={{ reason: 'signed_out' satisfies JoinReason }}
      />
    )
  }
  const isInstructor = record.role === 'instructor'
  return (
    <CardPage title={why === 'ended' ? 'This workshop has ended' : 'This seat was given back'}>
      <div data-testid={`seat-${why}`}>
        {why === 'ended' ? (
          <p>
            <bdi>{record.workshopName}</bdi> is over, and its seats are gone. Thank you for being there.
          </p>
        ) : (
          <p>Your instructor has freed seat {record.seat}. If that was not meant to be, join again with your code.</p>
        )}
      </div>
      {isInstructor ? (
        <Link to="/workshops">Back to your workshops</Link>
      ) : (
        <Link to={{ pathname: '/join', hash: why === 'released' ? `#${record.code}` : '' }}>
          {why === 'released' ? 'Join again' : 'Join another workshop'}
        </Link>
      )}
    </CardPage>
  )
}
