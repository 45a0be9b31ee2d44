import { useQuery } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { capacityQuery } from '../../api/capacity'
import { isApiError, messageOf } from '../../api/client'
import type { CreateWorkshop, Workshop } from '../../api/types'
import { useCreateWorkshop } from '../../api/workshops'
import { Button } from '../../components/Button'
import { Choices } from '../../components/Choices'
import { Dialog, DialogActions } from '../../components/Dialog'
import { Field } from '../../components/Field'
import { Notice } from '../../components/Notice'
import {
  browserChoices,
  EMPTY_FORM,
  fieldOf,
  requestOf,
  roomWords,
  validate,
  without,
  type CreateForm,
  type FieldErrors,
  type TextField,
} from './createForm'
import { ImageCheckView } from './ImageCheckView'
import { zoneWords } from './words'
import styles from './console.module.css'

interface Props {
  open: boolean
  onOpenChange: (open: boolean) => void
  onCreated: (workshop: Workshop) => void
}

/** Stays mounted while closed, so that reopening finds what was typed. */
export function CreateWorkshopDialog({ open, onOpenChange, onCreated }: Props) {
  const [form, setForm] = useState<CreateForm>(EMPTY_FORM)
  const [errors, setErrors] = useState<FieldErrors>({})
  const [moreOpen, setMoreOpen] = useState(false)
  const formElement = useRef<HTMLFormElement>(null)
  const create = useCreateWorkshop()
  const capacity = useQuery({ ...capacityQuery, enabled: open })
  const room = roomWords(form.seats, capacity.data?.seats_left)

  // The first field in trouble gets the focus, once its error is there to be read; and never while somebody mends them.
  const [shown, setShown] = useState(0)
  useEffect(() => {
    if (shown > 0) formElement.current?.querySelector<HTMLElement>('[aria-invalid="true"]')?.focus()
  }, [shown])

  function showErrors(found: FieldErrors) {
    setErrors(found)
    setShown((before) => before + 1)
    if (found.startsAt ?? found.endsAt ?? found.idleHours ?? found.image ?? found.browser ?? found.apiKey ?? found.apiKeyName) setMoreOpen(true)
  }

  function submit(event: FormEvent) {
    event.preventDefault()
    send(requestOf(form))
  }

  function send(request: CreateWorkshop) {
    if (create.isPending) return
    const found = validate(form)
    showErrors(found)
    if (Object.keys(found).length > 0) return
    create.mutate(request, {
      onSuccess: (workshop) => {
        setForm(EMPTY_FORM)
        setErrors({})
        onOpenChange(false)
        onCreated(workshop)
      },
      onError: (error) => {
        const field = isApiError(error) ? fieldOf(error.details.field) : null
        if (field !== null) showErrors({ [field]: error.message })
      },
    })
  }

  const input = (field: TextField) => ({
    value: form[field],
    error: errors[field],
    autoComplete: 'off',
    onChange: (event: { currentTarget: HTMLInputElement }) => {
      const { value } = event.currentTarget
      setForm((before) => ({ ...before, [field]: value }))
      // What was said of another value is no longer true.
      if (errors[field] !== undefined) setErrors((before) => without(before, field))
      if (create.error) create.reset()
    },
  })

  const failure =
    create.error && !(isApiError(create.error) && fieldOf(create.error.details.field)) ? create.error : null
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Create a workshop"
      description="Every seat is a computer of its own, ready before anyone arrives."
      testId="create-dialog"
    >
      <form ref={formElement} className={styles.form} noValidate onSubmit={submit} data-testid="create-form">
        <Field label="Name" placeholder="Python basics, Monday" maxLength={400} {...input('name')} />
        <Field
          label="Seats"
          type="number"
          inputMode="numeric"
          min={1}
          max={200}
          hint={
            <>
              One for each learner, 1 to 200. {room && <span data-testid="room" data-fits={room.fits}>{room.text}</span>}
            </>
          }
          {...input('seats')}
        />
        <details open={moreOpen} onToggle={(event) => setMoreOpen(event.currentTarget.open)}>
          <summary>More options</summary>
          <div className={styles.more}>
            <Field
              label="Opens at"
              type="datetime-local"
              hint={
                form.startsAt === ''
                  ? `Empty: at once. Times are this computer’s: ${zoneWords('')}.`
                  : `${zoneWords(form.startsAt)}. Seats are made some minutes before.`
              }
              {...input('startsAt')}
            />
            <Field
              label="Ends at"
              type="datetime-local"
              hint={form.endsAt === '' ? 'You can change it later.' : `${zoneWords(form.endsAt)}. You can change it later.`}
              {...input('endsAt')}
            />
            <Field
              label="Ends after hours without use"
              inputMode="decimal"
              hint="No key typed, no file changed, nothing computed in any seat. Everybody is warned first, and never before an end that you name above. Empty: as this server is set up; 0: never."
              {...input('idleHours')}
            />
            <Field
              label="Image"
              placeholder="clarateach/workspace:latest"
              spellCheck={false}
              hint="Any container image that this machine has or can pull. Empty: the default."
              {...input('image')}
            />
            <ImageCheckView image={form.image} isRefused={errors.image !== undefined} />
            <Choices
              label="Browser in every seat"
              choices={browserChoices(form.seats)}
              value={form.browser}
              error={errors.browser}
              onChange={(browser) => setForm((before) => ({ ...before, browser }))}
            />
            <Field
              label="API key"
              type="password"
              hint="Reaches the learners’ shells, and nobody can read it here again. It goes when the workshop ends."
              {...input('apiKey')}
              autoComplete="new-password"
            />
            <Field
              label="Name of the key’s variable"
              placeholder="ANTHROPIC_API_KEY"
              spellCheck={false}
              {...input('apiKeyName')}
            />
          </div>
        </details>
        {/* In sight however long the form is: the refusal, and what to press. */}
        <div className={styles.formEnd}>
          {failure && (
            <Notice
              tone={isApiError(failure, 'overcommit') ? 'warn' : 'error'}
              testId="create-problem"
              action={
                isApiError(failure, 'overcommit') && (
                  <Button size="small" onClick={() => send({ ...requestOf(form), allow_overcommit: true })}>
                    Make them anyway
                  </Button>
                )
              }
            >
              {messageOf(failure)}
            </Notice>
          )}
          <DialogActions>
            <Button onClick={() => onOpenChange(false)}>Cancel</Button>
            <Button type="submit" look="primary" busy={create.isPending}>
              Create workshop
            </Button>
          </DialogActions>
        </div>
      </form>
    </Dialog>
  )
}
