import { describe, expect, it } from 'vitest'
import { qualityOf, simplePictureWords, waitWords } from './words'

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
