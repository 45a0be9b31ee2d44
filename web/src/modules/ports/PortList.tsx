import { useState, type FormEvent } from 'react'
import { messageOf } from '../../api/client'
import { isSeatPort, portLink } from '../../api/ports'
import { Badge } from '../../components/Badge'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Icon } from '../../components/Icon'
import { Notice } from '../../components/Notice'
import { Failed, Loading } from '../../components/State'
import type { SeatRecord } from '../auth/seatRecords'
import { useOpenToClass, usePorts, type SeatPortRow } from './usePorts'
import styles from './ports.module.css'

interface Props {
  record: SeatRecord
  generation: number
  isShown: boolean
  canChange: boolean
  onOpen: (port: number) => void
}

/** What listens in the seat, and what can be done with it. */
export function PortList({ record, generation, isShown, canChange, onOpen }: Props) {
  const { rows, isLoading, error, retry } = usePorts(record, generation, isShown)
  const toClass = useOpenToClass(record, generation)
  // Of a box of our own, at once: a mutation tells of itself a moment later, and the box would flicker.
  const [wished, setWished] = useState<{ port: number; open: boolean } | null>(null)
  function setClass(wish: { port: number; open: boolean }) {
    setWished(wish)
    toClass.mutate(wish, { onSettled: () => setWished(null) })
  }
  if (isLoading) return <Loading label="Looking for servers…" />
  if (error) {
    return <Failed title="The list of servers did not come" message={messageOf(error)} onRetry={() => void retry()} />
  }
  return (
    <div className={styles.list}>
      {toClass.error && <Notice tone="error">{messageOf(toClass.error)}</Notice>}
      {rows.length === 0 ? (
        <div className={styles.empty} data-testid="ports-empty">
          <h2>No server runs on your seat yet</h2>
          <p>
            Start one in the terminal, and it appears here. For example <code>python3 -m http.server 8000</code> shows
            the files of a folder, and <code>npm run dev</code> a web project.
          </p>
        </div>
      ) : (
        <ul className={styles.rows} aria-label="Servers on this seat">
          {rows.map((row) => (
            <PortRow
              key={row.port}
              record={record}
              // What was just chosen shows at once; the answer makes it so, or not.
              row={wished?.port === row.port ? { ...row, openToClass: wished.open } : row}
              canChange={canChange}
              busy={wished?.port === row.port}
              onOpen={onOpen}
              onClass={(open) => setClass({ port: row.port, open })}
            />
          ))}
        </ul>
      )}
      <OtherPort onOpen={onOpen} />
    </div>
  )
}

interface RowProps {
  record: SeatRecord
  row: SeatPortRow
  canChange: boolean
  busy: boolean
  onOpen: (port: number) => void
  onClass: (open: boolean) => void
}

function PortRow({ record, row, canChange, busy, onOpen, onClass }: RowProps) {
  const { port, listens, process, openToClass } = row
  const shared = new URL(portLink({ workshop: record.workshop, seat: record.seat }, port), window.location.href).href
  return (
    <li className={styles.row} data-testid={`port-${port}`}>
      <span className={styles.port}>
        <strong>{port}</strong>
        {process !== '' && <bdi className={styles.hint}>{process}</bdi>}
        {!listens && <Badge tone="neutral">not running</Badge>}
      </span>
      <span className={styles.actions}>
        <Button size="small" look="primary" aria-label={`Show here: port ${port}`} onClick={() => onOpen(port)}>
          Show here
        </Button>
        <a
          className={styles.link}
          href={portLink(record, port)}
          target="_blank"
          rel="noopener noreferrer"
          aria-label={`In a tab: port ${port}`}
        >
          <Icon name="enlarge" /> <span>In a tab</span>
        </a>
        <CopyButton text={shared} label="Copy link" />
      </span>
      <label className={styles.class}>
        <input
          type="checkbox"
          checked={openToClass}
          disabled={!canChange}
          aria-busy={busy || undefined}
          onChange={(event) => onClass(event.target.checked)}
        />
        <span>
          Open to the class <span className={styles.hint}>– everybody in the workshop who has the link</span>
        </span>
      </label>
    </li>
  )
}

/** A port that nothing listens on yet: its page waits for the server. */
function OtherPort({ onOpen }: { onOpen: (port: number) => void }) {
  const [text, setText] = useState('')
  const port = /^[1-9]\d{3,4}$/.test(text.trim()) ? Number(text) : 0
  const isWrong = text.trim() !== '' && !isSeatPort(port)
  function open(event: FormEvent) {
    event.preventDefault()
    if (!isSeatPort(port)) return
    onOpen(port)
    setText('')
  }
  return (
    <form className={styles.other} onSubmit={open}>
      <label htmlFor="other-port">Another port</label>
      <input
        id="other-port"
        inputMode="numeric"
        placeholder="5173"
        value={text}
        aria-invalid={isWrong || undefined}
        aria-describedby={isWrong ? 'other-port-error' : undefined}
        onChange={(event) => setText(event.target.value)}
      />
      <Button size="small" type="submit">
        Show here
      </Button>
      {isWrong && (
        <span id="other-port-error" className={styles.wrong}>
          A number from 1024 to 65535, but not 3001 to 3003.
        </span>
      )}
    </form>
  )
}
