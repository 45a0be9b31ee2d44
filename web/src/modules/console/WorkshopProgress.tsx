import type { Progress, Workshop } from '../../api/types'
import { isChanging } from '../../api/workshops'
import { ProgressBar } from '../../components/ProgressBar'
import { progressLabel } from './words'

/** How far the making or the removing is; nothing while all is calm. */
export function WorkshopProgress({ workshop }: { workshop: Workshop }) {
  const { status, seats } = workshop
  if (!isChanging(status)) return null
  const progress: Progress = workshop.progress ?? {
    phase: status === 'ending' ? 'ending' : 'create',
    done: status === 'ending' ? 0 : seats.filter((seat) => seat.status !== 'provisioning').length,
    total: seats.length,
  }
  return <ProgressBar label={progressLabel(progress)} done={progress.done} total={progress.total} />
}
