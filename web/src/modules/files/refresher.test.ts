import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { FileEvent } from '../../api/fileEvents'
import { foldersToRefresh, Refresher } from './refresher'

const SHOWN = ['', 'src', 'src/deep', 'docs']

function event(kind: FileEvent['kind'], path: string): FileEvent {
  return { kind, path }
}

describe('news of a file', () => {
  it.each([
    ['created', 'a.txt', ['']],
    ['removed', 'src/a.txt', ['src']],
    ['changed', 'src/deep/a.txt', ['src/deep']],
    ['created', 'closed/a.txt', []],
    ['created', 'src', ['', 'src', 'src/deep']],
    ['removed', 'src', ['']],
    ['rescan', 'src', ['src', 'src/deep']],
    ['rescan', 'node_modules', []],
    ['rescan', '', SHOWN],
  ] as const)('%s %s concerns %j', (kind, path, folders) => {
    expect(foldersToRefresh(event(kind, path), SHOWN)).toEqual(folders)
  })
})

describe('the refresher', () => {
  beforeEach(() => vi.useFakeTimers())
  afterEach(() => vi.useRealTimers())

  function scene(takes = 0) {
    const asked: string[][] = []
    const told: FileEvent[][] = []
    const refresher = new Refresher({
      refresh: (folders) => {
        asked.push([...folders])
        return new Promise((resolve) => setTimeout(resolve, takes))
      },
      shown: () => SHOWN,
      tell: (events) => void told.push([...events]),
    })
    return { refresher, asked, told }
  }

  it('asks_once_for_a_flock_and_within_a_tenth_of_a_second', async () => {
    const { refresher, asked, told } = scene()
    for (let n = 0; n < 100; n++) refresher.add(event('created', `src/file${n}`))
    refresher.add(event('created', 'a.txt'))
    await vi.advanceTimersByTimeAsync(100)
    expect(asked).toEqual([['src', '']])
    expect(told).toHaveLength(1)
    expect(told[0]).toHaveLength(101)
  })

  it('asks_nothing_about_folders_that_are_closed', async () => {
    const { refresher, asked } = scene()
    refresher.add(event('created', 'closed/a.txt'))
    refresher.add(event('rescan', 'closed'))
    await vi.advanceTimersByTimeAsync(10_000)
    expect(asked).toEqual([])
  })

  it('never_asks_twice_at_a_time', async () => {
    const { refresher, asked } = scene(5_000)
    refresher.add(event('created', 'a.txt'))
    await vi.advanceTimersByTimeAsync(100)
    refresher.add(event('created', 'b.txt'))
    refresher.add(event('created', 'src/c.txt'))
    await vi.advanceTimersByTimeAsync(4_000)
    expect(asked).toHaveLength(1)
    await vi.advanceTimersByTimeAsync(2_000)
    expect(asked).toEqual([[''], ['', 'src']])
  })

  it('lets_sizes_wait', async () => {
    const { refresher, asked } = scene()
    for (let n = 0; n < 4; n++) {
      refresher.add(event('changed', 'log.txt'))
      await vi.advanceTimersByTimeAsync(400)
    }
    expect(asked).toEqual([])
    await vi.advanceTimersByTimeAsync(2_000)
    expect(asked).toEqual([['']])
  })

  it('goes_on_after_a_failure', async () => {
    const refresh = vi.fn().mockRejectedValueOnce(new Error('no')).mockResolvedValue(undefined)
    const refresher = new Refresher({
      refresh: (folders) => refresh(folders).catch(() => undefined),
      shown: () => SHOWN,
      tell: () => undefined,
    })
    refresher.add(event('created', 'a.txt'))
    await vi.advanceTimersByTimeAsync(1_000)
    refresher.add(event('created', 'b.txt'))
    await vi.advanceTimersByTimeAsync(1_000)
    expect(refresh).toHaveBeenCalledTimes(2)
  })

  it('tells_of_everything_instead_of_thousands', async () => {
    const { refresher, told } = scene()
    for (let n = 0; n < 1_001; n++) refresher.add(event('changed', `src/file${n}`))
    await vi.advanceTimersByTimeAsync(100)
    expect(told).toEqual([[{ kind: 'rescan', path: '' }]])
  })
})
