import { useId } from 'react'
import type { SeatStats, Usage } from '../../api/stats'
import { levelOf, percent, shareOf, worse } from './levels'
import styles from './StatusBar.module.css'

/** One line below the panes: what the seat uses, quiet until it matters. What to do about it is a click away. */
export function StatusBar({ stats }: { stats: SeatStats | null }) {
  const id = useId()
  if (!stats) return <footer className={styles.bar} aria-label="Status" />
  const { memory, disk } = stats
  const level = worse(levelOf(memory), levelOf(disk))
  return (
    <footer className={styles.bar} aria-label="Status" data-level={level}>
      <span className="visually-hidden" role="status">
        {level === 'ok' ? '' : `Your seat is getting full: memory ${shortWords(memory)}, disk ${shortWords(disk)}.`}
      </span>
      <button type="button" className={styles.item} popoverTarget={id} data-testid="resources" data-level={level}>
        <Meter name="Memory" usage={memory} />
        <Meter name="Disk" usage={disk} />
      </button>
      <div id={id} popover="auto" className={styles.popover} role="dialog" aria-label="What your seat uses">
        <Advice
          name="Memory"
          usage={memory}
          sentence="When it runs out, the seat ends the program that takes most. Stop what you do not need: Ctrl+C in its terminal. To see what takes it, run"
          command="ps aux --sort=-rss | head"
        />
        <Advice
          name="Disk"
          usage={disk}
          sentence="When it is full, nothing more can be saved. Delete what you do not need. To see what takes the room, run"
          command="du -h --max-depth=2 /workspace | sort -h | tail"
        />
      </div>
    </footer>
  )
}

function Meter({ name, usage }: { name: string; usage: Usage }) {
  return (
    <span className={styles.meter} data-level={levelOf(usage)}>
      {name} <span className={styles.number}>{shortWords(usage)}</span>
    </span>
  )
}

function Advice({ name, usage, sentence, command }: { name: string; usage: Usage; sentence: string; command: string }) {
  const share = shareOf(usage)
  return (
    <section className={styles.advice} data-level={levelOf(usage)}>
      <h3>
        {name}: {bytesWords(usage.used)}
        {usage.limit !== null && ` of ${bytesWords(usage.limit)}`}
      </h3>
      {share !== null && <meter className={styles.gauge} value={share} aria-label={`${name} in use`} />}
      <p>
        {sentence} <code>{command}</code>
      </p>
    </section>
  )
}

function shortWords(usage: Usage): string {
  const share = shareOf(usage)
  return share === null ? bytesWords(usage.used) : percent(share)
}

function bytesWords(bytes: number): string {
  const megabytes = bytes / (1024 * 1024)
  return megabytes < 1000 ? `${Math.round(megabytes)} MB` : `${(megabytes / 1024).toFixed(1)} GB`
}
