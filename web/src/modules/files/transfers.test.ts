import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { ApiError } from '../../api/client'
import type { FileEntry } from '../../api/files'
import type { Dropped } from './dropped'
import { Transfers, type Transfer, type TransferCalls } from './transfers'

const file = (name: string, size = 10) => new File(['x'.repeat(size)], name)
const drop = (...paths: string[]): Dropped => ({ files: paths.map((path) => ({ path, file: file(path) })), folders: [] })
const entry = (name: string): FileEntry => ({ name, label: name, path: name, kind: 'file', size: 1 })

function scene(calls: Partial<TransferCalls> = {}) {
  const put = vi.fn<TransferCalls['put']>(() => Promise.resolve())
  const transfers = new Transfers({
    list: () => Promise.resolve([entry('old.txt')]),
    makeFolder: () => Promise.resolve(),
    put,
    unpack: () => Promise.resolve({ files: 1, folders: 0, skipped: [], skippedTotal: 0 }),
    ...calls,
  })
  const only = (): Transfer => {
    const transfer = transfers.getState()[0]
    if (!transfer) throw new Error('there is no transfer')
    return transfer
  }
  return { transfers, put, only, sent: () => put.mock.calls.map(([item]) => [item.path, item.replaces]) }
}

beforeEach(() => {
  vi.useFakeTimers()
  vi.stubGlobal('window', new EventTarget())
  vi.stubGlobal('document', Object.assign(new EventTarget(), { hidden: false }))
})
afterEach(() => {
  vi.useRealTimers()
  vi.unstubAllGlobals()
})

describe('an upload', () => {
  it('sends_every_file_and_says_so', async () => {
    const { transfers, sent, only } = scene()
    await transfers.upload('', drop('a', 'b', 'c', 'd'))
    expect(sent()).toHaveLength(4)
    expect(only()).toMatchObject({ state: 'done', message: 'Uploaded 4 of 4 files.', bytes: { done: 40, total: 40 } })
  })

  it('asks_once_about_all_that_is_in_the_way', async () => {
    const { transfers, sent, only } = scene({ list: () => Promise.resolve([entry('old.txt'), entry('b')]) })
    const done = transfers.upload('', drop('old.txt', 'b', 'c'))
    await vi.waitFor(() => expect(only().state).toBe('asking'))
    expect(only().inTheWay).toEqual(['old.txt', 'b'])
    expect(sent()).toEqual([])
    transfers.answer(only().id, 'replace')
    await done
    expect(sent()).toEqual([
      ['old.txt', true],
      ['b', true],
      ['c', false],
    ])
  })

  it('sends_nothing_when_the_question_is_called_off', async () => {
    const { transfers, sent, only } = scene()
    const done = transfers.upload('', drop('old.txt', 'new.txt'))
    await vi.waitFor(() => expect(only().state).toBe('asking'))
    transfers.answer(only().id, null)
    await done
    expect(only().state).toBe('cancelled')
    expect(sent()).toEqual([])
  })

  it('makes_folders_first_whether_or_not_they_are_there', async () => {
    const order: string[] = []
    const { transfers, only } = scene({
      makeFolder: (path) => {
        order.push(`folder ${path}`)
        return Promise.reject(new ApiError('exists', 'It exists.', 409))
      },
      put: ({ path }) => {
        order.push(path)
        return Promise.resolve()
      },
    })
    await transfers.upload('work', { ...drop('a/b/c'), folders: ['a', 'a/b'] })
    expect(order).toEqual(['folder work/a', 'folder work/a/b', 'work/a/b/c'])
    expect(only().state).toBe('done')
  })

  it('goes_on_after_one_file_that_is_too_large_and_names_it', async () => {
    const { transfers, only } = scene({
      put: ({ path }) =>
        path === 'b' ? Promise.reject(new ApiError('too_large', 'At most 1 GB.', 413)) : Promise.resolve(),
    })
    await transfers.upload('', drop('a', 'b', 'c'))
    expect(only()).toMatchObject({ state: 'failed', message: 'Uploaded 2 of 3 files.' })
    expect(only().problems).toEqual([{ path: 'b', why: 'This is too large for your seat. At most 1 GB.' }])
  })

  it('stops_when_the_disk_is_full', async () => {
    const put = vi.fn(() => Promise.reject(new ApiError('disk_full', 'Full.', 507)))
    const { transfers, only } = scene({ put })
    await transfers.upload('', drop(...Array.from({ length: 20 }, (_, index) => `f${index}`)))
    expect(put.mock.calls.length).toBeLessThan(5)
    expect(only().problems[0]?.why).toContain('disk of your seat is full')
  })

  it('tries_again_when_the_connection_breaks', async () => {
    const put = vi
      .fn<TransferCalls['put']>()
      .mockRejectedValueOnce(new ApiError('network_error', 'Nobody.', 0))
      .mockResolvedValue()
    const { transfers, only } = scene({ put })
    const done = transfers.upload('', drop('a'))
    await vi.advanceTimersByTimeAsync(5_000)
    await done
    expect(only().state).toBe('done')
  })

  it('can_be_cancelled', async () => {
    const { transfers, only } = scene({
      put: (_item, _progress, signal) =>
        new Promise((_, reject) => {
          signal.addEventListener('abort', () => reject(new DOMException('cancelled', 'AbortError')))
        }),
    })
    const done = transfers.upload('', drop('a', 'b'))
    await vi.waitFor(() => expect(only().state).toBe('sending'))
    expect(transfers.isBusy).toBe(true)
    transfers.cancel(only().id)
    await done
    expect(only().state).toBe('cancelled')
    expect(transfers.isBusy).toBe(false)
  })
})

describe('unpacking', () => {
  const inTheWay = new ApiError('exists', 'Something is in the way.', 409, { paths: ['a', 'b'] })

  it('asks_before_it_overwrites', async () => {
    const unpack = vi
      .fn<TransferCalls['unpack']>()
      .mockRejectedValueOnce(inTheWay)
      .mockResolvedValue({ files: 2, folders: 0, skipped: [], skippedTotal: 0 })
    const { transfers, only } = scene({ unpack })
    const done = transfers.unpack('src', file('pack.zip'))
    await vi.waitFor(() => expect(only().state).toBe('asking'))
    expect(only().inTheWay).toEqual(['a', 'b'])
    transfers.answer(only().id, 'replace')
    await done
    expect(unpack.mock.calls.map(([, , { overwrite }]) => overwrite)).toEqual([false, true])
    expect(only()).toMatchObject({ state: 'done', message: 'Unpacked 2 files from pack.zip.' })
  })

  it('waits_for_its_turn', async () => {
    const unpack = vi
      .fn<TransferCalls['unpack']>()
      .mockRejectedValueOnce(new ApiError('busy', 'Two are unpacked already.', 503, { retryAfter: 2 }))
      .mockResolvedValue({ files: 1, folders: 0, skipped: [], skippedTotal: 0 })
    const { transfers, only } = scene({ unpack })
    const done = transfers.unpack('', file('pack.zip'))
    await vi.advanceTimersByTimeAsync(1_900)
    expect(unpack).toHaveBeenCalledTimes(1)
    await vi.advanceTimersByTimeAsync(200)
    await done
    expect(only().state).toBe('done')
  })

  it('names_what_was_left_out', async () => {
    const { transfers, only } = scene({
      unpack: () =>
        Promise.resolve({ files: 1, folders: 0, skipped: [{ path: '../x', reason: 'unsafe_name' }], skippedTotal: 1 }),
    })
    await transfers.unpack('', file('pack.zip'))
    expect(only().message).toBe('Unpacked 1 file from pack.zip. 1 entry left out.')
    expect(only().problems).toEqual([{ path: '../x', why: 'Left out: its name leads elsewhere, or is too long.' }])
  })
})
