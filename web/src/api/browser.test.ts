import { describe, expect, it } from 'vitest'
import { parseBrowserAnswer } from './browser'

describe('parseBrowserAnswer', () => {
  it('knows a way in from a wait', () => {
    expect(parseBrowserAnswer({ url: 'u', origin: 'o', more: 1 })).toEqual({ there: { url: 'u', origin: 'o' } })
    expect(parseBrowserAnswer({ status: 'queued', position: 3 })).toEqual({ wait: { status: 'queued', position: 3 } })
    expect(parseBrowserAnswer({ status: 'starting', phase: 'resuming' })).toEqual({
      wait: { status: 'starting', phase: 'resuming' },
    })
  })

  it('leaves out what it does not understand', () => {
    expect(parseBrowserAnswer({ status: 'starting', phase: 'dancing', position: -1 })).toEqual({
      wait: { status: 'starting' },
    })
    for (const answer of [null, {}, { url: 'u' }, { status: 'running' }]) {
      expect(() => parseBrowserAnswer(answer)).toThrow('does not understand')
    }
  })
})
