import { useState } from 'react'
import { TabStrip } from '../../components/TabStrip'
import type { SeatRecord } from '../auth/seatRecords'
import { PortFrame } from './PortFrame'
import { PortList } from './PortList'
import styles from './ports.module.css'

const LIST = 'list'

interface Props {
  record: SeatRecord
  generation: number
  isShown: boolean
  canChange: boolean
  /** What another panel asked to show here; each asking has a number of its own. */
  wish: { port: number; number: number } | null
}

/** Servers of the seat: the list, and a tab for each that is shown here. Frames stay while other tabs are in front. */
export function PortsPanel({ record, generation, isShown, canChange, wish }: Props) {
  const [frames, setFrames] = useState<number[]>([])
  const [active, setActive] = useState<string>(LIST)
  const [heard, setHeard] = useState(0)
  if (wish && wish.number !== heard) {
    setHeard(wish.number)
    open(wish.port)
  }

  function open(port: number) {
    setFrames(frames.includes(port) ? frames : [...frames, port])
    setActive(String(port))
  }

  function close(id: string) {
    setFrames(frames.filter((port) => String(port) !== id))
    if (active === id) setActive(LIST)
  }

  return (
    <section className={styles.panel} aria-label="Ports" data-testid="ports">
      <TabStrip
        label="Ports"
        tabs={[
          { id: LIST, label: 'Servers', closeLabel: '' },
          ...frames.map((port) => ({
            id: String(port),
            label: `Port ${port}`,
            canClose: true,
            closeLabel: `Close port ${port}`,
          })),
        ]}
        active={active}
        onActivate={setActive}
        onClose={close}
      />
      <div className={styles.view} hidden={active !== LIST}>
        <PortList
          record={record}
          generation={generation}
          isShown={isShown && active === LIST}
          canChange={canChange}
          onOpen={open}
        />
      </div>
      {frames.map((port) => (
        <div key={port} className={styles.view} hidden={active !== String(port)}>
          <PortFrame record={record} generation={generation} port={port} />
        </div>
      ))}
    </section>
  )
}
