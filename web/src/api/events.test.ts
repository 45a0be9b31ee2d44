import { expect, test } from 'vitest'
import { listAfter, workshopAfter } from './events'
import type { Seat, StreamEvent, Workshop } from './types'

const seat = (number: number, status: Seat['status'] = 'ready'): Seat => ({ number, status, generation: 1 })

function workshop(id: string, fields: Partial<Workshop> = {}): Workshop {
  return {
    id,
    name: 'Class',
    code: 'AAAA-AAAA',
    status: 'provisioning',
    seats: [seat(1), seat(2)],
    endpoint: '/',
    join_url: '/join',
    image: 'image',
    browser: 'on_demand',
    resources: { memory_mb: 1, cpu_millis: 1, pids: 1, disk_mb: 1 },
    created_at: '2026-01-01T00:00:00Z',
    progress: { phase: 'create', done: 1, total: 2 },
    ...fields,
  }
}

const SEAT: StreamEvent = { type: 'seat', id: 2, workshop: 'ws-1', seat: seat(2, 'occupied') }
const READY: StreamEvent = { type: 'progress', id: 3, workshop: 'ws-1', status: 'ready' }

test('a_seat_replaces_the_one_of_its_number_and_leaves_the_order', () => {
  const after = workshopAfter(workshop('ws-1'), SEAT)
  expect(after?.seats.map(({ number, status }) => [number, status])).toEqual([
    [1, 'ready'],
    [2, 'occupied'],
  ])
})

test('progress_that_is_not_told_is_over', () => {
  const after = workshopAfter(workshop('ws-1', { reason: { code: 'x', message: 'y' } }), READY)
  expect(after).toMatchObject({ status: 'ready', name: 'Class' })
  expect(after).not.toHaveProperty('progress')
  expect(after).not.toHaveProperty('reason')
})

test('events_of_another_workshop_change_nothing', () => {
  const known = workshop('ws-2')
  expect(workshopAfter(known, SEAT)).toBe(known)
  expect(workshopAfter(known, READY)).toBe(known)
  expect(workshopAfter(known, { type: 'ended', id: 4, workshop: 'ws-1' })).toBe(known)
})

test('telling_twice_changes_nothing', () => {
  const once = [SEAT, READY].reduce(workshopAfter, workshop('ws-1'))
  expect([SEAT, READY].reduce(workshopAfter, once)).toEqual(once)
})

test('the_list_takes_new_workshops_in_front_and_lets_ended_ones_go', () => {
  const events: StreamEvent[] = [
    { type: 'workshops', id: 1, workshops: [workshop('ws-1')] },
    { type: 'workshop', id: 2, workshop: workshop('ws-2') },
    { ...READY, id: 3 },
    { type: 'workshop', id: 4, workshop: workshop('ws-2', { name: 'Other' }) },
    { type: 'reach', id: 5, reach: { page_at: null, websocket_at: null } },
  ]
  const list = events.reduce(listAfter, undefined as Workshop[] | undefined)
  expect(list?.map(({ id, name, status }) => [id, name, status])).toEqual([
    ['ws-2', 'Other', 'provisioning'],
    ['ws-1', 'Class', 'ready'],
  ])
  expect(listAfter(list, { type: 'ended', id: 6, workshop: 'ws-2' })?.map(({ id }) => id)).toEqual(['ws-1'])
})
