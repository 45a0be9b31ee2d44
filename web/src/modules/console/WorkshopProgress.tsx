import { useEffect, useState } from 'react'
import type { Progress, Workshop } from '../../api/types'
import { isChanging } from '../../api/workshops'
import { ProgressBar } from '../../components/ProgressBar'
import { bootBar } from './bootProgress'

/** How far the making or the removing is; nothing while all is calm. */
export function WorkshopProgress({ workshop }: { workshop: Workshop }) {
  const { status, seats } = workshop
  if (!isChanging(status)) return null
  const progress: Progress = workshop.progress ?? {
    phase: status === 'ending' ? 'ending' : 'create',
    done: status === 'ending' ? 0 : seats.filter((seat) => seat.status !== 'provisioning').length,
    total: seats.length,
  }
  return <Progressing progress={progress} />
}

function Progressing({ progress }: { progress: Progress }) {
  const age = useAge(progress)
  const { label, share, left } = bootBar(progress, age)
  return <ProgressBar label={label} note={left} done={share} total={1} />
}

/** How long this is known, in milliseconds; anew with everything that is told. */
function useAge(told: Progress): number {
  const [clock, setClock] = useState(() => ({ told, since: Date.now(), now: Date.now() }))
  if (clock.told !== told) setClock((before) => ({ told, since: before.now, now: before.now }))
  useEffect(() => {
    const tick = () => setClock(({ told: of, since }) => ({ told: of, since, now: Date.now() }))
    const timer = setInterval(tick, 1000)
    return () => clearInterval(timer)
  }, [])
  return clock.now - clock.since
}
