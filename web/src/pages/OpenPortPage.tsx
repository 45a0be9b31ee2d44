import { useQuery } from '@tanstack/react-query'
import { useEffect } from 'react'
import { Link } from 'react-router'
import { isApiError, messageOf } from '../api/client'
import { createOrigin, type PortWish } from '../api/ports'
import { Button } from '../components/Button'
import { CardPage } from '../components/CardPage'
import { Spinner } from '../components/Spinner'
import type { SeatRecord } from '../modules/auth/seatRecords'

/**
 * `/seat/:workshop/:seat?open=5173`: turns this tab into a port's own page. `record` is the seat that this browser has a
 * cookie for, which for a neighbour's port is another one than the link names.
 */
export function OpenPortPage({ record, seat, wish }: { record: SeatRecord; seat: number; wish: PortWish }) {
  const asked = seat === record.seat ? wish : { ...wish, seat }
  const entry = useQuery({
    queryKey: ['open-port', record.endpoint, record.seat, asked],
    queryFn: () => createOrigin(record, asked),
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
  })
  const url = entry.data?.url
  useEffect(() => {
    // Not kept in the history: the way back leads to where one came from.
    if (url !== undefined) window.location.replace(url)
  }, [url])

  const back = `/seat/${record.workshop}/${record.seat}${record.role === 'instructor' ? '?as=instructor' : ''}`
  if (!entry.error) {
    return (
      <CardPage title="One moment">
        <Spinner label={`Opening port ${wish.port} of seat ${seat}…`} />
      </CardPage>
    )
  }
  const isShut = isApiError(entry.error, 'port_not_open')
  const isOut = isApiError(entry.error, 'unauthenticated', 'token_expired')
  return (
    <CardPage title={isShut ? 'Not open to the class' : `Port ${wish.port} cannot be opened`}>
      <p data-testid="open-port-error">
        {isShut
          ? `Seat ${seat} has not opened port ${wish.port} to the class. Its learner can do that in the Ports view.`
          : isOut
            ? 'Open your seat first, and then this page again.'
            : messageOf(entry.error)}
      </p>
      {!isOut && <Button onClick={() => void entry.refetch()}>Try again</Button>}
      <Link to={back}>To your seat</Link>
    </CardPage>
  )
}
