import { describe, expect, it } from 'vitest'
import { noSoundWords, qualityOf, simplePictureWords, soundWords, waitWords } from './words'

describe('waitWords', () => {
  it('counts the learners before oneself', () => {
    expect(waitWords({ status: 'queued', position: 4 }).title).toBe('3 learners before you')
    expect(waitWords({ status: 'queued', position: 2 }).title).toBe('1 learner before you')
    expect(waitWords({ status: 'queued', position: 1 }).title).toBe('You are next')
  })

  it('tells waking from starting', () => {
    expect(waitWords({ status: 'starting', phase: 'resuming' }).title).toContain('Waking')
    expect(waitWords({ status: 'starting' }).title).toContain('Starting')
  })
})

describe('qualityOf', () => {
  it('knows nothing before the frame said something, and never calls a lost line good', () => {
    expect(qualityOf(null)).toBe('unknown')
    expect(qualityOf({ connected: false, rttMs: 5 })).toBe('lost')
    expect(qualityOf({ connected: true, rttMs: null })).toBe('connected')
  })

  it('goes by the way there and back', () => {
    expect([20, 79.9, 80, 249, 250].map((rttMs) => qualityOf({ connected: true, rttMs }))).toEqual([
      'good', 'good', 'fair', 'fair', 'poor',
    ])
  })
})

describe('simplePictureWords', () => {
  it('says nothing where video is shown', () => {
    expect(simplePictureWords({ isSecure: true, hasDecoder: true })).toBeNull()
  })

  it('says what is shown instead, and why', () => {
    const overHttp = simplePictureWords({ isSecure: false, hasDecoder: false })
    expect(overHttp).toMatch(/plain http.*JPEG.*https address/)
    const old = simplePictureWords({ isSecure: true, hasDecoder: false })
    expect(old).toMatch(/web browser has no video decoder.*JPEG/)
    expect(old).not.toContain('plain http')
  })
})

describe('noSoundWords', () => {
  it('says nothing where sound can be had', () => {
    expect(noSoundWords({ isSecure: true, hasPlayer: true })).toBeNull()
  })

  it('says why there is none, and what would help', () => {
    expect(noSoundWords({ isSecure: false, hasPlayer: false })).toMatch(/plain http.*https address/)
    const old = noSoundWords({ isSecure: true, hasPlayer: false })
    expect(old).toMatch(/web browser can’t.*current Chrome/)
    expect(old).not.toContain('plain http')
  })
})

describe('soundWords', () => {
  it('says what a press does while all is well', () => {
    expect(soundWords(false, 'off')).toMatch(/off.*Turn it on/)
    expect(soundWords(true, 'on')).toMatch(/on.*Turn it off/)
  })

  it('calls nothing on that is not heard', () => {
    for (const state of ['off', 'starting', 'blocked', 'failed'] as const) {
      expect(soundWords(true, state)).not.toContain('Sound is on')
    }
  })
})
