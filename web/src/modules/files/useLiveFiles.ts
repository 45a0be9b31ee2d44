import { useQueryClient } from '@tanstack/react-query'
import { useEffect, useRef, useState } from 'react'
import { fileEventsUrl, parseFileEvent, type FileEvent } from '../../api/fileEvents'
import { ReconnectingSocket, SEAT_PULSE } from '../../api/reconnectingSocket'
import type { SeatAddress } from '../../api/seat'
import { Refresher } from './refresher'
import { filesKey } from './useFiles'

interface Options {
  address: SeatAddress
  generation: number
  check: () => Promise<boolean>
  /** What happened on the seat, in bundles; `rescan` of the root first of all, and after every gap. */
  onEvents: (events: readonly FileEvent[]) => void
}

/** Keeps the listings that are shown as the seat has them. `true` while nothing has to be asked for now and then. */
export function useLiveFiles({ address, generation, check, onEvents }: Options): boolean {
  const { endpoint, seat } = address
  const client = useQueryClient()
  const [live, setLive] = useState(false)

  // The socket outlives renders; what it calls may change with every one.
  const handlers = useRef({ check, onEvents })
  useEffect(() => {
    handlers.current = { check, onEvents }
  })

  useEffect(() => {
    const queryKey = [...filesKey({ endpoint, seat }), generation]
    const refresher = new Refresher({
      shown: () =>
        client
          .getQueryCache()
          .findAll({ queryKey, type: 'active' })
          .map((query) => String(query.queryKey.at(-1))),
      refresh: (folders) =>
        Promise.all(
          folders.map((folder) => client.invalidateQueries({ queryKey: [...queryKey, folder], exact: true })),
        ),
      tell: (events) => handlers.current.onEvents(events),
    })
    const socket = new ReconnectingSocket({
      url: () => fileEventsUrl({ endpoint, seat }),
      pulse: SEAT_PULSE,
      check: () => handlers.current.check(),
      // Live from the first message on: until then something may be missed.
      opened: () => undefined,
      message: (data) => {
        if (typeof data !== 'string') return
        setLive(true)
        refresher.add(parseFileEvent(data))
      },
      closed: () => {
        setLive(false)
        return 'again'
      },
    })
    socket.start()
    return () => {
      socket.stop()
      refresher.dispose()
    }
  }, [client, endpoint, seat, generation])

  return live
}
