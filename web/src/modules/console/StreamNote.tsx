import type { StreamState } from '../../api/eventSocket'
import styles from './console.module.css'

/** Says quietly that changes are shown with a delay; nothing while they come as they happen. */
export function StreamNote({ state }: { state: StreamState }) {
  return (
    <span className={styles.streamNote} role="status" data-testid="stream" data-state={state}>
      {state === 'down' && 'Reconnecting; changes show every few seconds'}
    </span>
  )
}
