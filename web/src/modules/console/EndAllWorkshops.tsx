import { useState } from 'react'
import { messageOf } from '../../api/client'
import type { Workshop } from '../../api/types'
import { useDeleteAllWorkshops } from '../../api/workshops'
import { Button } from '../../components/Button'
import { ConfirmDialog } from '../../components/Dialog'
import { Icon } from '../../components/Icon'

/** For the end of the day: one question instead of one for each workshop. */
export function EndAllWorkshops({ workshops }: { workshops: readonly Workshop[] }) {
  const [asking, setAsking] = useState(false)
  const deletion = useDeleteAllWorkshops()
  const seats = workshops.flatMap((workshop) => workshop.seats)
  const learners = seats.filter((seat) => seat.learner).length
  return (
    <>
      <Button data-testid="end-all" busy={deletion.isPending} onClick={() => setAsking(true)}>
        <Icon name="trash" /> End all
      </Button>
      <ConfirmDialog
        open={asking}
        onOpenChange={(open) => {
          setAsking(open)
          if (!open) deletion.reset()
        }}
        title={`End all ${workshops.length} workshops?`}
        description={
          <>
            Every workshop on this server ends, whoever made it: {seats.length} seats and every file on them will be gone
            {learners > 0 && `, for ${learners} ${learners === 1 ? 'learner' : 'learners'} too`}. This cannot be undone.
          </>
        }
        confirm="End all workshops"
        busy={deletion.isPending}
        error={deletion.error ? messageOf(deletion.error) : undefined}
        onConfirm={() => deletion.mutate(undefined, { onSuccess: () => setAsking(false) })}
        testId="end-all-dialog"
      />
    </>
  )
}
