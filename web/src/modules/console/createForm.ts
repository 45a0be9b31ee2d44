// What the create form holds and what the server would object to. Texts stay texts until they are sent, so that nothing typed
// is lost on the way.

import type { CreateWorkshop } from '../../api/types'

export interface CreateForm {
  name: string
  seats: string
  image: string
  apiKey: string
  apiKeyName: string
}

export type FormField = keyof CreateForm
export type FieldErrors = Partial<Record<FormField, string>>

export const EMPTY_FORM: CreateForm = { name: '', seats: '10', image: '', apiKey: '', apiKeyName: '' }

const LONGEST_NAME = 100
const MOST_SEATS = 200

/** The API's field names, as errors carry them. */
const FIELD_OF: Record<string, FormField> = {
  name: 'name',
  seats: 'seats',
  image: 'image',
  api_key: 'apiKey',
  api_key_name: 'apiKeyName',
}

export function fieldOf(apiField: string | undefined): FormField | null {
  return apiField === undefined ? null : (FIELD_OF[apiField] ?? null)
}

export function validate(form: CreateForm): FieldErrors {
  const errors: FieldErrors = {}
  const name = form.name.trim()
  if (name === '') errors.name = 'Give the workshop a name.'
  else if ([...name].length > LONGEST_NAME) errors.name = `Use at most ${LONGEST_NAME} characters.`
  const seats = Number(form.seats)
  if (!/^\d+$/.test(form.seats.trim()) || seats < 1 || seats > MOST_SEATS) {
    errors.seats = `Choose between 1 and ${MOST_SEATS} seats.`
  }
  if (form.apiKeyName.trim() !== '' && !/^[A-Za-z_][A-Za-z0-9_]*$/.test(form.apiKeyName.trim())) {
    errors.apiKeyName = 'Use letters, digits and underscores, as for any environment variable.'
  }
  return errors
}

export function requestOf(form: CreateForm): CreateWorkshop {
  const image = form.image.trim()
  const apiKey = form.apiKey.trim()
  const apiKeyName = form.apiKeyName.trim()
  return {
    name: form.name.trim(),
    seats: Number(form.seats),
    ...(image === '' ? {} : { image }),
    ...(apiKey === '' ? {} : { api_key: apiKey }),
    ...(apiKey === '' || apiKeyName === '' ? {} : { api_key_name: apiKeyName }),
  }
}
