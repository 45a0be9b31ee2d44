import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import type { BrowserAnswer } from '../../api/browser'
import { ApiError } from '../../api/client'
import { BrowserSession, REST_AFTER_MS } from './browserSession'

const THERE: BrowserAnswer = { there: { url: 'http://browser--1--ws.localhost/enter?ticket=a', origin: 'http://browser--1--ws.localhost' } }

describe('BrowserSession', () => {
  beforeEach(() => void vi.useFakeTimers())
  afterEach(() => void vi.useRealTimers())

  /** Answers in turn; the last one again and again. */
  function session(...answers: (BrowserAnswer | ApiError)[]) {
    let asked = 0
    const made = new BrowserSession(async () => {
      const answer = answers[Math.min(asked, answers.length - 1)]
      asked += 1
      if (answer === undefined || answer instanceof ApiError) throw answer ?? new Error('nothing to say')
      return answer
    })
    return { session: made, asked: () => asked, phase: () => made.getState().phase }
  }

  it('asks for nothing before somebody looks', async () => {
    const { asked, phase } = session(THERE)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([asked(), phase()]).toEqual([0, 'resting'])
  })

  it('asks each second until the browser is there, and tells how long it has been', async () => {
    const { session: browser, asked } = session(
      { wait: { status: 'queued', position: 2 } },
      { wait: { status: 'queued', position: 1 } },
      { wait: { status: 'starting', phase: 'firefox' } },
      THERE,
    )
    const began = Date.now()
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(1500)
    expect(browser.getState()).toEqual({ phase: 'waiting', wait: { status: 'queued', position: 1 }, since: began })
    await vi.advanceTimersByTimeAsync(1000)
    expect(browser.getState()).toEqual({
      phase: 'waiting',
      wait: { status: 'starting', phase: 'firefox' },
      since: began + 2000,
    })
    await vi.advanceTimersByTimeAsync(1000)
    expect(browser.getState()).toEqual({ phase: 'shown', ...('there' in THERE ? THERE.there : {}) })
    await vi.advanceTimersByTimeAsync(60_000)
    expect(asked()).toBe(4)
  })

  it('speaks of no queue to whom a place was given at once', async () => {
    const { session: browser, phase } = session(
      { wait: { status: 'queued', position: 1 } },
      { wait: { status: 'starting', phase: 'container' } },
    )
    const seen: string[] = []
    browser.subscribe(() => {
      const state = browser.getState()
      seen.push(state.phase === 'waiting' ? state.wait.status : state.phase)
    })
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(900)
    expect([phase(), ...seen]).toEqual(['waiting', 'asking', 'starting'])
  })

  it('lets go of a browser that nobody looks at, and wakes it for whoever comes back', async () => {
    const { session: browser, asked, phase } = session(THERE)
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(0)
    browser.watch(false)
    await vi.advanceTimersByTimeAsync(REST_AFTER_MS - 1)
    expect(phase()).toBe('shown')
    await vi.advanceTimersByTimeAsync(1)
    expect(phase()).toBe('resting')
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(0)
    expect([phase(), asked()]).toEqual(['shown', 2])
  })

  it('keeps the picture of somebody who looks away for a moment', async () => {
    const { session: browser, asked, phase } = session(THERE)
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(0)
    browser.watch(false)
    await vi.advanceTimersByTimeAsync(REST_AFTER_MS / 2)
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(10 * REST_AFTER_MS)
    expect([phase(), asked()]).toEqual(['shown', 1])
  })

  it('keeps the place in the queue of somebody who looks away for a moment, and of nobody else', async () => {
    const { session: browser, asked, phase } = session({ wait: { status: 'queued', position: 3 } })
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(0)
    browser.watch(false)
    await vi.advanceTimersByTimeAsync(REST_AFTER_MS - 1000)
    expect(phase()).toBe('waiting')
    await vi.advanceTimersByTimeAsync(2000)
    const before = asked()
    await vi.advanceTimersByTimeAsync(REST_AFTER_MS)
    expect([phase(), asked()]).toEqual(['resting', before])
  })

  it('says so where there is none, and asks no more', async () => {
    const { session: browser, asked, phase } = session(new ApiError('browser_off', 'off', 409))
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect([phase(), asked()]).toEqual(['off', 1])
  })

  it('says why a start failed, and tries again when told to', async () => {
    const { session: browser } = session(new ApiError('browser_failed', 'The image is not there.', 503), THERE)
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(60_000)
    expect(browser.getState()).toEqual({ phase: 'failed', message: 'The image is not there.' })
    browser.again()
    await vi.advanceTimersByTimeAsync(0)
    expect(browser.getState().phase).toBe('shown')
  })

  it('rides through a server that is not there for a while, as patiently as it asks', async () => {
    const { session: browser, asked } = session(
      new ApiError('network_error', 'No answer.', 0),
      new ApiError('seat_unavailable', 'The seat recovers.', 503, { retryAfter: 5 }),
      THERE,
    )
    browser.watch(true)
    await vi.advanceTimersByTimeAsync(2000)
    expect(browser.getState()).toEqual({ phase: 'unreachable', message: 'The seat recovers.' })
    await vi.advanceTimersByTimeAsync(4999)
    expect(asked()).toBe(2)
    await vi.advanceTimersByTimeAsync(1)
    expect(browser.getState().phase).toBe('shown')
  })

  it('takes no answer that came after it was stopped', async () => {
    let answer: (there: BrowserAnswer) => void = () => {}
    const browser = new BrowserSession(() => new Promise((resolve) => (answer = resolve)))
    browser.watch(true)
    browser.stop()
    answer(THERE)
    await vi.advanceTimersByTimeAsync(0)
    expect(browser.getState().phase).toBe('resting')
  })
})
