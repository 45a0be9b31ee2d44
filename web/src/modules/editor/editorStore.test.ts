import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { SeatStorage } from '../auth/seatStorage'
import { memory, page, Seat } from './editorStage'

let seat: Seat
let storage: SeatStorage

beforeEach(() => {
  vi.useFakeTimers()
  seat = new Seat()
  seat.put('a.txt', 'one')
  storage = memory()
})
afterEach(() => vi.useRealTimers())

describe('saving', () => {
  it('writes_the_text_and_is_clean_afterwards', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'two')
    expect(document('a.txt')).toMatchObject({ dirty: true })
    await store.save('a.txt')
    expect(seat.files.get('a.txt')?.text).toBe('two')
    expect(document('a.txt')).toMatchObject({ dirty: false, etag: '"2"' })
  })

  it('never_overwrites_what_changed_on_the_seat_without_asking', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.put('a.txt', 'theirs')
    await store.save('a.txt')
    expect(seat.files.get('a.txt')?.text).toBe('theirs')
    expect(document('a.txt')).toMatchObject({ dirty: true, conflict: { etag: '"2"' } })
    await store.save('a.txt', true)
    expect(seat.files.get('a.txt')?.text).toBe('mine')
    expect(document('a.txt')?.conflict).toBeUndefined()
  })

  it('can_take_theirs_instead', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.put('a.txt', 'theirs')
    await store.save('a.txt')
    await store.reload('a.txt')
    expect(buffers.text('a.txt')).toBe('theirs')
    expect(document('a.txt')).toMatchObject({ dirty: false, etag: '"2"' })
  })

  it('writes_a_file_again_that_was_deleted_meanwhile', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.files.delete('a.txt')
    await store.save('a.txt')
    expect(document('a.txt')?.conflict).toEqual({ etag: null, met: 'saving' })
    await store.save('a.txt', true)
    expect(seat.files.get('a.txt')?.text).toBe('mine')
  })

  it('keeps_the_text_when_nobody_answers', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.down = true
    await store.save('a.txt')
    expect(document('a.txt')).toMatchObject({ dirty: true, saveError: 'Nobody answered.' })
    expect(buffers.text('a.txt')).toBe('mine')
  })
})

describe('a reload', () => {
  it('brings_tabs_and_unsaved_texts_back', async () => {
    const before = page(seat, storage)
    await before.store.open('a.txt')
    before.buffers.type('a.txt', 'not saved yet')
    await vi.advanceTimersByTimeAsync(1000)

    const after = page(seat, storage)
    after.store.restore()
    await vi.waitFor(() => expect(after.document('a.txt')).toMatchObject({ status: 'ready', dirty: true }))
    expect(after.buffers.text('a.txt')).toBe('not saved yet')
    expect(after.store.getState().active).toBe('a.txt')
  })

  it('notices_at_the_save_what_changed_since_the_draft', async () => {
    const before = page(seat, storage)
    await before.store.open('a.txt')
    before.buffers.type('a.txt', 'mine')
    await vi.advanceTimersByTimeAsync(1000)
    seat.put('a.txt', 'theirs')

    const after = page(seat, storage)
    await after.store.open('a.txt')
    await after.store.save('a.txt')
    expect(seat.files.get('a.txt')?.text).toBe('theirs')
    expect(after.document('a.txt')).toHaveProperty('conflict')
  })

  it('keeps_a_text_whose_file_a_reset_took_away', async () => {
    const before = page(seat, storage)
    await before.store.open('a.txt')
    before.buffers.type('a.txt', 'mine')
    await vi.advanceTimersByTimeAsync(1000)
    seat.files.clear()

    const after = page(seat, storage)
    await after.store.open('a.txt')
    expect(after.buffers.text('a.txt')).toBe('mine')
    await after.store.save('a.txt')
    expect(seat.files.get('a.txt')?.text).toBe('mine')
  })

  it('forgets_the_draft_once_saved', async () => {
    const before = page(seat, storage)
    await before.store.open('a.txt')
    before.buffers.type('a.txt', 'mine')
    await vi.advanceTimersByTimeAsync(1000)
    await before.store.save('a.txt')
    await vi.advanceTimersByTimeAsync(1000)
    seat.put('a.txt', 'newer')

    const after = page(seat, storage)
    await after.store.open('a.txt')
    expect(after.buffers.text('a.txt')).toBe('newer')
  })
})

describe('keeping up', () => {
  it('shows_what_a_program_wrote_when_nothing_was_edited', async () => {
    const { store, buffers } = page(seat, storage)
    await store.open('a.txt')
    seat.put('a.txt', 'by a program')
    await store.catchUp()
    expect(buffers.text('a.txt')).toBe('by a program')
  })

  it('leaves_a_text_alone_that_is_being_edited', async () => {
    const { store, buffers } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.put('a.txt', 'by a program')
    await store.catchUp()
    expect(buffers.text('a.txt')).toBe('mine')
  })

  it('follows_a_rename', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.put('b.txt', 'one')
    seat.files.delete('a.txt')
    store.moved('a.txt', 'b.txt')
    await vi.advanceTimersByTimeAsync(0)
    expect(document('b.txt')).toMatchObject({ dirty: true })
    expect(buffers.text('b.txt')).toBe('mine')
  })

  it('closes_what_was_deleted_but_not_what_was_changed_here', async () => {
    seat.put('dir/b.txt', 'two')
    const { store, buffers, document } = page(seat, storage)
    await store.open('dir/b.txt')
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    store.deleted('dir')
    store.deleted('a.txt')
    expect(document('dir/b.txt')).toBeUndefined()
    expect(document('a.txt')).toBeDefined()
  })
})

describe('what happens on the seat meanwhile', () => {
  const changed = (path: string) => ({ kind: 'changed', path }) as const
  const removed = (path: string) => ({ kind: 'removed', path }) as const
  const everything = { kind: 'rescan', path: '' } as const

  it('shows_in_every_open_file_that_nobody_edited', async () => {
    seat.put('dir/b.txt', 'two')
    const { store, buffers } = page(seat, storage)
    await store.open('dir/b.txt')
    await store.open('a.txt')
    seat.put('a.txt', 'new one')
    seat.put('dir/b.txt', 'new two')
    await store.outside([changed('a.txt'), { kind: 'rescan', path: 'dir' }])
    expect([buffers.text('a.txt'), buffers.text('dir/b.txt')]).toEqual(['new one', 'new two'])
  })

  it('is_told_beside_a_text_that_is_being_edited', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.put('a.txt', 'theirs')
    await store.outside([changed('a.txt')])
    expect(buffers.text('a.txt')).toBe('mine')
    expect(document('a.txt')).toMatchObject({ dirty: true, conflict: { etag: '"2"', met: 'watching' } })
    await expect(store.theirs('a.txt')).resolves.toEqual({ text: 'theirs' })
  })

  it('is_not_overwritten_by_a_save_that_did_not_choose', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    seat.put('a.txt', 'theirs')
    await store.outside([changed('a.txt')])
    await store.save('a.txt')
    expect(seat.files.get('a.txt')?.text).toBe('theirs')
    store.keepMine('a.txt')
    await store.save('a.txt')
    expect(seat.files.get('a.txt')?.text).toBe('mine')
    expect(document('a.txt')).toMatchObject({ dirty: false })
  })

  it('is_no_longer_a_conflict_when_it_was_taken_back', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    const original = seat.files.get('a.txt')
    seat.put('a.txt', 'theirs')
    await store.outside([changed('a.txt')])
    if (original) seat.files.set('a.txt', original)
    await store.outside([changed('a.txt')])
    expect(document('a.txt')?.conflict).toBeUndefined()
  })

  it('may_be_what_the_person_wrote_too', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'same')
    seat.put('a.txt', 'same')
    await store.outside([changed('a.txt')])
    expect(document('a.txt')).toMatchObject({ dirty: false, etag: '"2"' })
    expect(document('a.txt')?.conflict).toBeUndefined()
  })

  it('may_take_the_file_away_but_not_its_text', async () => {
    seat.put('dir/b.txt', 'two')
    const { store, buffers, document } = page(seat, storage)
    await store.open('dir/b.txt')
    seat.files.delete('dir/b.txt')
    seat.missingFolders.add('dir')
    await store.outside([removed('dir')])
    expect(document('dir/b.txt')).toMatchObject({ removed: true, dirty: false, etag: null })
    expect(buffers.text('dir/b.txt')).toBe('two')

    const reloaded = page(seat, storage)
    reloaded.store.restore()
    await vi.waitFor(() => expect(reloaded.document('dir/b.txt')).toMatchObject({ removed: true }))
    expect(reloaded.buffers.text('dir/b.txt')).toBe('two')

    await store.save('dir/b.txt')
    expect(seat.files.get('dir/b.txt')?.text).toBe('two')
    expect(document('dir/b.txt')).toMatchObject({ removed: false, dirty: false })
  })

  it('may_bring_a_removed_file_back', async () => {
    const { store, document, buffers } = page(seat, storage)
    await store.open('a.txt')
    seat.files.delete('a.txt')
    await store.outside([removed('a.txt')])
    seat.put('a.txt', 'one')
    await store.outside([{ kind: 'created', path: 'a.txt' }])
    expect(document('a.txt')).toMatchObject({ removed: false, dirty: false })
    expect(buffers.text('a.txt')).toBe('one')
  })

  it('is_no_news_when_it_was_a_save_of_this_page', async () => {
    const { store, buffers, document } = page(seat, storage)
    await store.open('a.txt')
    buffers.type('a.txt', 'mine')
    const { write } = seat
    seat.write = async (...call) => {
      const etag = await write(...call)
      // The news comes before the answer, and the person types on.
      buffers.type('a.txt', 'mine, and more')
      await store.outside([changed('a.txt')])
      return etag
    }
    await store.save('a.txt')
    await store.outside([everything])
    expect(document('a.txt')).toMatchObject({ dirty: true, etag: '"2"' })
    expect(document('a.txt')?.conflict).toBeUndefined()
  })

  it('says_so_when_a_draft_is_older_than_the_file', async () => {
    const before = page(seat, storage)
    await before.store.open('a.txt')
    before.buffers.type('a.txt', 'mine')
    await vi.advanceTimersByTimeAsync(1000)
    seat.put('a.txt', 'theirs')
    const after = page(seat, storage)
    await after.store.open('a.txt')
    expect(after.document('a.txt')).toMatchObject({ dirty: true, conflict: { met: 'watching' } })
    expect(after.buffers.text('a.txt')).toBe('mine')
  })

  it('opens_what_did_not_open_before', async () => {
    const { store, document } = page(seat, storage)
    await store.open('later.txt')
    expect(document('later.txt')).toMatchObject({ status: 'failed' })
    seat.put('later.txt', 'here')
    await store.outside([{ kind: 'created', path: 'later.txt' }])
    expect(document('later.txt')).toMatchObject({ status: 'ready' })
  })
})

describe('a match of a search', () => {
  const place = { line: 3, column: 2, endColumn: 5 }

  it('is_brought_into_view_in_a_new_file_and_in_an_open_one', async () => {
    const { store, buffers } = page(seat, storage)
    await store.openAt('a.txt', place)
    await store.openAt('a.txt', { ...place, line: 9 })
    expect(buffers.revealed).toEqual([
      ['a.txt', place],
      ['a.txt', { ...place, line: 9 }],
    ])
  })
})
