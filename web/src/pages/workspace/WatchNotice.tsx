import { useMutation } from '@tanstack/react-query'
import { messageOf } from '../../api/client'
import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'
import { changeMode } from '../../modules/auth/enterSeat'
import type { SeatRecord } from '../../modules/auth/seatRecords'

/** Who watches is told so, and may take over where the seat is not their own to begin with. */
export function WatchNotice({ record }: { record: SeatRecord }) {
  const takeOver = useMutation({
    mutationFn: async () => {
      if (record.role === 'instructor') await changeMode(record, 'control')
    },
    // Everything in the page asks again, as somebody who may type.
    onSuccess: () => window.location.reload(),
  })
  return (
    <Notice
      testId="seat-notice"
      action={
        record.role === 'instructor' && (
          <Button size="small" busy={takeOver.isPending} onClick={() => takeOver.mutate()}>
            Take over
          </Button>
        )
      }
    >
      You are watching this seat. {record.role === 'instructor' ? 'Only its learner can type, until you take over.' : 'Only its learner can type.'}
      {takeOver.error && ` Not taken over: ${messageOf(takeOver.error)}`}
    </Notice>
  )
}
