import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { messageOf } from '../../api/client'
import { createOrigin, portLink } from '../../api/ports'
import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { Failed, Loading } from '../../components/State'
import { Tooltip } from '../../components/Tooltip'
import type { SeatRecord } from '../auth/seatRecords'
import { OWN_ORIGIN_SANDBOX } from './sandbox'
import styles from './ports.module.css'

/** One port in a frame. Each showing asks for a way in of its own, so it works however long the tab was open. */
export function PortFrame({ record, generation, port }: { record: SeatRecord; generation: number; port: number }) {
  const [path, setPath] = useState('/')
  const [typed, setTyped] = useState('/')
  const [turn, setTurn] = useState(0)
  const entry = useQuery({
    queryKey: ['port-frame', record.endpoint, record.seat, generation, port, path, turn],
    queryFn: () => createOrigin(record, { port, path }),
    // A ticket is good once: what was fetched is never fetched again behind the frame's back.
    staleTime: Infinity,
    gcTime: 0,
    refetchOnWindowFocus: false,
    refetchOnReconnect: false,
  })

  function go(event: FormEvent) {
    event.preventDefault()
    setPath(typed.startsWith('/') ? typed : `/${typed}`)
    setTurn(turn + 1)
  }

  return (
    <div className={styles.shown}>
      <form className={styles.bar} onSubmit={go}>
        <Tooltip text="Load again">
          <Button size="icon" look="quiet" aria-label={`Load port ${port} again`} onClick={() => setTurn(turn + 1)}>
            <Icon name="refresh" />
          </Button>
        </Tooltip>
        <label className={styles.place}>
          <span>localhost:{port}</span>
          <input
            aria-label={`Path on port ${port}`}
            value={typed}
            spellCheck={false}
            autoComplete="off"
            onChange={(event) => setTyped(event.target.value)}
          />
        </label>
        <a className={styles.link} href={portLink(record, port, path)} target="_blank" rel="noopener noreferrer">
          <Icon name="enlarge" /> <span>In a tab</span>
        </a>
      </form>
      {entry.data ? (
        <iframe
          key={entry.data.url}
          className={styles.frame}
          src={entry.data.url}
          title={`Port ${port}`}
          sandbox={OWN_ORIGIN_SANDBOX}
          referrerPolicy="no-referrer"
          allow="fullscreen; clipboard-write"
          data-testid={`port-frame-${port}`}
        />
      ) : entry.error ? (
        <Failed
          title={`Port ${port} cannot be shown`}
          message={messageOf(entry.error)}
          onRetry={() => void entry.refetch()}
        />
      ) : (
        <Loading label={`Opening port ${port}…`} />
      )}
    </div>
  )
}
