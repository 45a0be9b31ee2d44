import { useState, type FormEvent } from 'react'
import { isApiError, messageOf } from '../../api/client'
import type { Workshop } from '../../api/types'
import { useExtendWorkshop } from '../../api/workshops'
import { Button } from '../../components/Button'
import { Dialog, DialogActions } from '../../components/Dialog'
import { Field } from '../../components/Field'
import { Icon } from '../../components/Icon'
import { Menu, MenuItem, MenuSeparator } from '../../components/Menu'
import { Notice } from '../../components/Notice'
import { useMinutesLeft } from '../../components/useMinutesLeft'
import { idleWords, inLocalTime, minutesToWarnOf, momentOf, timeOfDay } from './words'
import styles from './console.module.css'

const LONGER = [
  { minutes: 15, label: '15 minutes longer' },
  { minutes: 60, label: 'An hour longer' },
  { minutes: 24 * 60, label: 'A day longer' },
]

/** When the workshop ends by itself, and how that is changed; loudly once the end is near. */
export function WorkshopEnd({ workshop }: { workshop: Workshop }) {
  const { starts_at: startsAt, ends_at: endsAt, status, warning, idle } = workshop
  const [choosing, setChoosing] = useState(false)
  const extend = useExtendWorkshop(workshop.id)
  const left = useMinutesLeft(endsAt)
  const minutes = minutesToWarnOf(warning, left)
  const unused = idleWords(idle, useMinutesLeft(idle?.ends_at))
  return (
    <>
      {minutes !== null && (
        <Notice
          tone="warn"
          testId="end-warning"
          action={LONGER.slice(0, 2).map(({ minutes: more, label }) => (
            <Button key={more} size="small" busy={isExtendingBy(extend, more)} onClick={() => extend.mutate({ minutes: more })}>
              {label}
            </Button>
          ))}
        >
          {warning?.cause === 'idle' && 'Nobody uses it. Whoever types, saves or computes anything keeps it. '}
          {minutes <= 1 ? 'The workshop ends in a minute' : `The workshop ends in ${minutes} minutes`}, at{' '}
          {timeOfDay(endsAt)}. Its seats and every file on them go then; learners are told.
        </Notice>
      )}
      {extend.error && !choosing && <Notice tone="error">Not extended: {messageOf(extend.error)}</Notice>}
      <div className={styles.end} data-testid="workshop-end">
        {status === 'scheduled' && startsAt && (
          <span>
            Opens <strong>{timeOfDay(startsAt)}</strong>; seats are made some minutes before.
          </span>
        )}
        <span>{endsAt ? `Ends ${timeOfDay(endsAt)}` : 'Ends when you delete it'}</span>
        {unused && <span data-testid="workshop-idle">{unused}</span>}
        <Menu
          trigger={
            <Button look="quiet" size="small" busy={extend.isPending} data-testid="change-end">
              Change
            </Button>
          }
        >
          {endsAt &&
            LONGER.map(({ minutes: more, label }) => (
              <MenuItem key={more} onSelect={() => extend.mutate({ minutes: more })}>
                <Icon name="add" /> {label}
              </MenuItem>
            ))}
          {endsAt && <MenuSeparator />}
          <MenuItem onSelect={() => setChoosing(true)}>
            <Icon name="edit" /> Choose a time…
          </MenuItem>
        </Menu>
      </div>
      {choosing && <EndDialog endsAt={endsAt ?? null} extend={extend} onClose={() => setChoosing(false)} />}
    </>
  )
}

type Extension = ReturnType<typeof useExtendWorkshop>

function isExtendingBy({ isPending, variables }: Extension, minutes: number): boolean {
  return isPending && variables !== undefined && 'minutes' in variables && variables.minutes === minutes
}

function EndDialog({ endsAt, extend, onClose }: { endsAt: string | null; extend: Extension; onClose: () => void }) {
  const [time, setTime] = useState(() => inLocalTime(endsAt))
  const [problem, setProblem] = useState<string | null>(null)

  function submit(event: FormEvent) {
    event.preventDefault()
    const moment = momentOf(time)
    if (moment === null || Date.parse(moment) <= Date.now()) {
      setProblem('Choose a time that is still to come.')
      return
    }
    extend.mutate({ ends_at: moment }, { onSuccess: onClose, onError: (error) => setProblem(sentenceOf(error)) })
  }

  return (
    <Dialog
      open
      onOpenChange={onClose}
      title="When does it end?"
      description="Its seats and every file on them go then. Learners are told 15, 5 and 1 minutes before."
      testId="end-dialog"
    >
      <form className={styles.form} noValidate onSubmit={submit}>
        <Field
          label="Ends at"
          type="datetime-local"
          value={time}
          error={problem ?? undefined}
          onChange={(event) => {
            setTime(event.currentTarget.value)
            setProblem(null)
          }}
        />
        <DialogActions>
          <Button onClick={onClose}>Cancel</Button>
          <Button type="submit" look="primary" busy={extend.isPending}>
            Set the end
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}

function sentenceOf(error: unknown): string {
  return isApiError(error, 'ended') ? 'The workshop is over already.' : messageOf(error)
}
