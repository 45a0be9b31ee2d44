import { describe, expect, it } from 'vitest'
import { browserChoices, EMPTY_FORM, fieldOf, requestOf, roomWords, validate } from './createForm'

const GOOD = { ...EMPTY_FORM, name: 'Python basics', seats: '3' }

describe('the create form', () => {
  it('takes_a_name_and_seats', () => {
    expect(validate(GOOD)).toEqual({})
    expect(requestOf(GOOD)).toEqual({ name: 'Python basics', seats: 3 })
  })

  it.each(['', '0', '201', '-1', '2.5', '1e2', 'ten'])('declines %j seats', (seats) => {
    expect(validate({ ...GOOD, seats })).toHaveProperty('seats')
  })

  it('declines_empty_and_long_names', () => {
    expect(validate({ ...GOOD, name: '  ' })).toHaveProperty('name')
    expect(validate({ ...GOOD, name: 'x'.repeat(81) })).toHaveProperty('name')
  })

  it('declines_names_that_deceive', () => {
    expect(validate({ ...GOOD, name: 'a\u202eb' })).toHaveProperty('name')
    expect(validate({ ...GOOD, name: '名前 🦀 <b>' })).toEqual({})
  })

  it('declines_what_is_no_image', () => {
    expect(validate({ ...GOOD, image: '--privileged' })).toHaveProperty('image')
    expect(validate({ ...GOOD, image: 'host.example:5000/a/b@sha256:00' })).toEqual({})
  })

  it('sends_a_key_under_its_name', () => {
    expect(validate({ ...GOOD, apiKeyName: 'OPENAI_API_KEY' })).toHaveProperty('apiKey')
    expect(validate({ ...GOOD, apiKey: 'k', apiKeyName: '1X' })).toHaveProperty('apiKeyName')
    expect(requestOf({ ...GOOD, apiKey: 'sk', apiKeyName: 'OPENAI_API_KEY' })).toMatchObject({
      api_key: 'sk',
      api_key_name: 'OPENAI_API_KEY',
    })
  })

  it('sends_its_times_as_moments_and_declines_those_that_cannot_be', () => {
    const now = new Date(2026, 10, 22, 9, 0).getTime()
    const times = { ...GOOD, startsAt: '2026-11-22T10:00', endsAt: '2026-11-22T12:30' }
    expect(validate(times, now)).toEqual({})
    expect(requestOf(times)).toMatchObject({
      starts_at: new Date(2026, 10, 22, 10, 0).toISOString(),
      ends_at: new Date(2026, 10, 22, 12, 30).toISOString(),
    })
    expect(validate({ ...times, endsAt: '2026-11-22T08:00' }, now)).toHaveProperty('endsAt')
    expect(validate({ ...times, endsAt: '2026-11-22T09:30' }, now)).toHaveProperty('endsAt')
  })

  it('sends_the_hours_without_use_as_minutes', () => {
    expect(requestOf({ ...GOOD, idleHours: '1,5' })).toMatchObject({ idle_after_minutes: 90 })
    expect(requestOf({ ...GOOD, idleHours: '0' })).toMatchObject({ idle_after_minutes: 0 })
    expect(requestOf(GOOD)).not.toHaveProperty('idle_after_minutes')
    for (const wrong of ['0.4', '721', '-1', 'a day', '1e2']) {
      expect(validate({ ...GOOD, idleHours: wrong }), wrong).toHaveProperty('idleHours')
    }
    expect(validate({ ...GOOD, idleHours: '0.5' })).toEqual({})
  })

  it('puts_server_errors_at_their_field', () => {
    expect([fieldOf('api_key'), fieldOf('resources'), fieldOf(undefined)]).toEqual(['apiKey', null, null])
  })
})

describe('what the form says of the machine', () => {
  it('tells_how_many_seats_fit_and_warns_above', () => {
    expect(roomWords('10', 62)).toEqual({ text: 'This machine has room for 62 more.', fits: true })
    expect(roomWords('63', 62)).toMatchObject({ fits: false })
    expect(roomWords('3', 0)?.text).toContain('no more')
    expect([roomWords('ten', 5), roomWords('5', null), roomWords('5', undefined)]).toEqual([null, null, null])
  })

  it('tells_what_browsers_of_a_class_cost', () => {
    expect(browserChoices('20').find(({ value }) => value === 'always')?.hint).toContain('together about 14 GB')
    expect(requestOf({ ...GOOD, browser: 'off' })).toMatchObject({ browser: 'off' })
    expect(requestOf(GOOD)).not.toHaveProperty('browser')
  })
})
