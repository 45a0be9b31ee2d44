// What the create form holds and what the server would object to. Texts stay texts until they are sent, so that nothing typed
// is lost on the way.

import type { CreateWorkshop } from '../../api/types'
import { momentOf } from './words'

export type BrowserChoice = NonNullable<CreateWorkshop['browser']>

export interface CreateForm {
  name: string
  seats: string
  startsAt: string
  endsAt: string
  /** Hours without use. */
  idleHours: string
  image: string
  browser: BrowserChoice
  apiKey: string
  apiKeyName: string
}

export type FormField = keyof CreateForm
/** Those that are typed. */
export type TextField = Exclude<FormField, 'browser'>
export type FieldErrors = Partial<Record<FormField, string>>

export const EMPTY_FORM: CreateForm = {
  name: '',
  seats: '10',
  startsAt: '',
  endsAt: '',
  idleHours: '',
  image: '',
  browser: 'on_demand',
  apiKey: '',
  apiKeyName: '',
}

const LONGEST_NAME = 80
const LONGEST_VARIABLE = 128
const LONGEST_KEY_BYTES = 8 * 1024
const LONGEST_IMAGE = 255
const MOST_SEATS = 200
/** The server's bounds; 0 is never. */
const LEAST_IDLE_MINUTES = 30
const MOST_IDLE_MINUTES = 30 * 24 * 60

/** The API's field names, as errors carry them. */
const FIELD_OF: Record<string, FormField> = {
  name: 'name',
  seats: 'seats',
  starts_at: 'startsAt',
  ends_at: 'endsAt',
  idle_after_minutes: 'idleHours',
  image: 'image',
  browser: 'browser',
  api_key: 'apiKey',
  api_key_name: 'apiKeyName',
}

export function fieldOf(apiField: string | undefined): FormField | null {
  return apiField === undefined ? null : (FIELD_OF[apiField] ?? null)
}

/** Control characters, and those that reorder or hide text. */
const DECEPTIVE = /[\p{Cc}\u061c\u200b\u200e\u200f\u2028-\u202e\u2060-\u206f\ufeff]/u

export function validate(form: CreateForm, now = Date.now()): FieldErrors {
  const errors: FieldErrors = {}
  const name = form.name.trim()
  if (name === '') errors.name = 'Give the workshop a name.'
  else if ([...name].length > LONGEST_NAME) errors.name = `Use at most ${LONGEST_NAME} characters.`
  else if (DECEPTIVE.test(name)) errors.name = 'Leave out characters that nobody can see, and marks of text direction.'
  const seats = Number(form.seats)
  if (!/^\d+$/.test(form.seats.trim()) || seats < 1 || seats > MOST_SEATS) {
    errors.seats = `Choose between 1 and ${MOST_SEATS} seats.`
  }
  const starts = momentOf(form.startsAt)
  const ends = momentOf(form.endsAt)
  if (ends !== null && Date.parse(ends) <= now) errors.endsAt = 'Choose a time that is still to come.'
  else if (starts !== null && ends !== null && ends <= starts) errors.endsAt = 'It ends before it opens.'
  const idle = idleMinutes(form.idleHours)
  if (Number.isNaN(idle) || (idle !== null && idle !== 0 && (idle < LEAST_IDLE_MINUTES || idle > MOST_IDLE_MINUTES))) {
    errors.idleHours = `Choose between half an hour and ${MOST_IDLE_MINUTES / 60} hours, or 0 for never.`
  }
  const image = form.image.trim()
  if (image !== '' && (image.length > LONGEST_IMAGE || !/^[A-Za-z0-9][A-Za-z0-9._\-/:@]*$/.test(image))) {
    errors.image = 'Write it like python:3.13 or clarateach/workspace:latest.'
  }
  if (new TextEncoder().encode(form.apiKey.trim()).length > LONGEST_KEY_BYTES) errors.apiKey = 'This key is too long.'
  const variable = form.apiKeyName.trim()
  if (variable.length > LONGEST_VARIABLE || !/^([A-Za-z_][A-Za-z0-9_]*)?$/.test(variable)) {
    errors.apiKeyName = 'Use letters, digits and underscores, as for any environment variable.'
  } else if (variable !== '' && form.apiKey.trim() === '') {
    errors.apiKey = 'The variable needs a key to hold.'
  }
  return errors
}

export function without(errors: FieldErrors, field: FormField): FieldErrors {
  return Object.fromEntries(Object.entries(errors).filter(([other]) => other !== field))
}

export function requestOf(form: CreateForm): CreateWorkshop {
  const startsAt = momentOf(form.startsAt)
  const endsAt = momentOf(form.endsAt)
  const idle = idleMinutes(form.idleHours)
  const image = form.image.trim()
  const apiKey = form.apiKey.trim()
  const apiKeyName = form.apiKeyName.trim()
  return {
    name: form.name.trim(),
    seats: Number(form.seats),
    ...(startsAt === null ? {} : { starts_at: startsAt }),
    ...(endsAt === null ? {} : { ends_at: endsAt }),
    ...(idle === null ? {} : { idle_after_minutes: idle }),
    ...(image === '' ? {} : { image }),
    ...(form.browser === EMPTY_FORM.browser ? {} : { browser: form.browser }),
    ...(apiKey === '' ? {} : { api_key: apiKey }),
    ...(apiKey === '' || apiKeyName === '' ? {} : { api_key_name: apiKeyName }),
  }
}

/** `null` for an empty field, NaN for what is no number of hours. */
function idleMinutes(hours: string): number | null {
  const text = hours.trim().replace(',', '.')
  if (text === '') return null
  return /^\d+(\.\d+)?$/.test(text) ? Math.round(Number(text) * 60) : Number.NaN
}

/** What a seat's browser uses: docs/performance.md. */
const BROWSER_GIB = 0.7

/** When browsers run, and what that costs a class of so many seats. */
export function browserChoices(seats: string): { value: BrowserChoice; label: string; hint: string }[] {
  const count = /^\d+$/.test(seats.trim()) ? Number(seats) : 0
  const together = count > 1 ? `: together about ${Math.ceil(count * BROWSER_GIB)} GB` : ''
  return [
    {
      value: 'on_demand',
      label: 'When a learner opens it',
      hint: `There in some seconds, paused while nobody looks. Each that was opened keeps about ${BROWSER_GIB} GB of memory; when the machine is full, learners queue.`,
    },
    {
      value: 'always',
      label: 'From the start',
      hint: `There at once. Every seat takes about ${BROWSER_GIB} GB more memory${together}.`,
    },
    { value: 'off', label: 'Off', hint: 'Costs nothing. Learners see their servers in Ports.' },
  ]
}

/** Whether so many seats fit, in words; `null` while there is nothing to say. */
export function roomWords(seats: string, left: number | null | undefined): { text: string; fits: boolean } | null {
  const count = /^\d+$/.test(seats.trim()) ? Number(seats) : 0
  if (left === null || left === undefined || count < 1 || count > MOST_SEATS) return null
  if (count <= left) return { text: `This machine has room for ${left} more.`, fits: true }
  const room = left === 0 ? 'no more' : `${left} more ${left === 1 ? 'seat' : 'seats'}`
  return { text: `This machine has room for ${room}. You will be asked before more are made than it can give all they may use.`, fits: false }
}
