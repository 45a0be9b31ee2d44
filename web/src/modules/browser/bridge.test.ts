import { describe, expect, it } from 'vitest'
import { CHANNEL, parseFromFrame } from './bridge'

describe('parseFromFrame', () => {
  it('hears the stream’s page', () => {
    expect(parseFromFrame({ channel: CHANNEL, type: 'attached' })).toEqual({ type: 'attached' })
    expect(parseFromFrame({ channel: CHANNEL, type: 'clipboard', text: 'a' })).toEqual({ type: 'clipboard', text: 'a' })
    expect(parseFromFrame({ channel: CHANNEL, type: 'opened', port: 8000, ok: true })).toEqual({
      type: 'opened',
      port: 8000,
      ok: true,
    })
    expect(parseFromFrame({ channel: CHANNEL, type: 'sound', state: 'blocked' })).toEqual({ type: 'sound', state: 'blocked' })
  })

  it('takes nothing else for it', () => {
    for (const data of [
      null,
      'attached',
      { type: 'attached' },
      { channel: 'other', type: 'attached' },
      { channel: CHANNEL, type: 'open', port: 8000 },
      { channel: CHANNEL, type: 'clipboard', text: 7 },
      { channel: CHANNEL, type: 'clipboard', text: 'x'.repeat(1024 * 1024 + 1) },
      { channel: CHANNEL, type: 'opened', port: '8000' },
      { channel: CHANNEL, type: 'sound', state: 'loud' },
    ]) {
      expect(parseFromFrame(data)).toBeNull()
    }
  })

  it('makes figures of figures only', () => {
    const odd = { channel: CHANNEL, type: 'quality', connected: 'yes', rttMs: Infinity, fps: -1, encoder: 5 }
    expect(parseFromFrame(odd)).toEqual({ type: 'quality', connected: false, rttMs: null, fps: 0, encoder: '' })
  })
})
