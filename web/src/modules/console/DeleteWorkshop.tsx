import { messageOf } from '../../api/client'
import type { Workshop } from '../../api/types'
import type { useDeleteWorkshop } from '../../api/workshops'
import { ConfirmDialog } from '../../components/Dialog'

interface Props {
  workshop: Workshop
  open: boolean
  onOpenChange: (open: boolean) => void
  deletion: ReturnType<typeof useDeleteWorkshop>
}

/** Asks, starts the removal and steps aside: the workshop shows how far it is. */
export function DeleteWorkshopDialog({ workshop, open, onOpenChange, deletion }: Props) {
  const learners = workshop.seats.filter((seat) => seat.learner).length
  return (
    <ConfirmDialog
      open={open}
      onOpenChange={onOpenChange}
      title={`Delete “${workshop.name}”?`}
      description={
        <>
          All {workshop.seats.length} seats and every file on them will be gone
          {learners > 0 ? `, for ${learners} ${learners === 1 ? 'learner' : 'learners'} too` : ''}. This cannot be
          undone.
        </>
      }
      confirm="Delete workshop"
      error={deletion.error ? messageOf(deletion.error) : undefined}
      onConfirm={() => {
        deletion.mutate(workshop)
        onOpenChange(false)
      }}
      testId="delete-dialog"
    />
  )
}
