import { useEffect, useState, useSyncExternalStore } from 'react'
import { seatCalls } from './enterSeat'
import type { SeatRecord } from './seatRecords'
import { SeatSession } from './seatSession'

/** One session for the life of the page; `record` is read once (a different seat is a different page). */
export function useSeatSession(record: SeatRecord) {
  const [session] = useState(() => new SeatSession(seatCalls(record)))
  useEffect(() => {
    session.start()
    return () => session.stop()
  }, [session])
  const state = useSyncExternalStore(session.subscribe, session.getState)
  return { session, state }
}
