import { asSentence, messageOf } from '../../api/client'
import type { Workshop } from '../../api/types'
import { useAllowOvercommit } from '../../api/workshops'
import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'

/** Why a workshop is as it is; one that waits for room can be made all the same. */
export function WorkshopReason({ workshop }: { workshop: Workshop }) {
  const allow = useAllowOvercommit(workshop.id)
  if (!workshop.reason) return null
  const waits = workshop.status === 'scheduled' && workshop.reason.code === 'overcommit'
  return (
    <>
      <Notice
        tone={waits ? 'warn' : 'error'}
        testId="workshop-reason"
        action={
          waits && (
            <Button size="small" busy={allow.isPending} onClick={() => allow.mutate()}>
              Make them anyway
            </Button>
          )
        }
      >
        {asSentence(workshop.reason.message)}
      </Notice>
      {allow.error && <Notice tone="error">Not allowed: {messageOf(allow.error)}</Notice>}
    </>
  )
}
