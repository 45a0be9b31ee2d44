import { useEffect } from 'react'
import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { isOver, type Transfer, type Transfers } from './transfers'
import { sizeWords } from './transferWords'
import styles from './Transfers.module.css'

const SHOWN_WHEN_DONE_MS = 6_000
const MOST_PROBLEMS = 20

/** What is on its way to the seat, below the tree. */
export function TransferList({ transfers, list }: { transfers: Transfers; list: readonly Transfer[] }) {
  if (list.length === 0) return null
  return (
    <ul className={styles.list} aria-label="Uploads" data-testid="transfers">
      {list.map((transfer) => (
        <TransferItem key={transfer.id} transfers={transfers} transfer={transfer} />
      ))}
    </ul>
  )
}

function TransferItem({ transfers, transfer }: { transfers: Transfers; transfer: Transfer }) {
  const { id, label, state, files, bytes, message, problems } = transfer
  const over = isOver(state)

  useEffect(() => {
    if (state !== 'done' && state !== 'cancelled') return
    const timer = setTimeout(() => transfers.dismiss(id), SHOWN_WHEN_DONE_MS)
    return () => clearTimeout(timer)
  }, [transfers, id, state])

  return (
    <li className={styles.item} data-testid="transfer" data-state={state}>
      <div className={styles.head}>
        <bdi className={styles.label}>{label}</bdi>
        <Button
          look="quiet"
          size="icon"
          aria-label={over ? `Dismiss ${label}` : `Cancel ${label}`}
          onClick={() => (over ? transfers.dismiss(id) : transfers.cancel(id))}
        >
          <Icon name="close" size={12} />
        </Button>
      </div>
      {over ? (
        <p className={state === 'failed' ? styles.failed : undefined} role={state === 'failed' ? 'alert' : 'status'}>
          {message}
        </p>
      ) : (
        <>
          <progress
            aria-label={`Upload of ${label}`}
            {...(state === 'sending' && bytes.done < bytes.total ? { value: bytes.done, max: bytes.total } : {})}
          />
          <p className={styles.sofar}>{progressWords(transfer.kind, files, bytes)}</p>
        </>
      )}
      {problems.length > 0 && (
        <ul className={styles.problems}>
          {problems.slice(0, MOST_PROBLEMS).map(({ path, why }) => (
            <li key={path}>
              <bdi>{path}</bdi>: {why}
            </li>
          ))}
          {problems.length > MOST_PROBLEMS && <li>and {problems.length - MOST_PROBLEMS} more</li>}
        </ul>
      )}
    </li>
  )
}

function progressWords(kind: Transfer['kind'], files: Transfer['files'], bytes: Transfer['bytes']): string {
  if (kind === 'unpack') {
    return bytes.done < bytes.total ? `${sizeWords(bytes.done)} of ${sizeWords(bytes.total)}` : 'Unpacking…'
  }
  return `${files.done} of ${files.total} · ${sizeWords(bytes.done)} of ${sizeWords(bytes.total)}`
}
