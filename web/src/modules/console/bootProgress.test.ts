import { describe, expect, it } from 'vitest'
import type { Progress } from '../../api/types'
import { bootBar } from './bootProgress'

const MAKING: Progress = { phase: 'network', done: 3, total: 10 }

describe('bootBar', () => {
  it('goes by the percentage, and by seats where there is none', () => {
    expect(bootBar({ ...MAKING, percent: 62 }, 0).share).toBeCloseTo(0.62)
    expect(bootBar(MAKING, 0).share).toBeCloseTo(0.3)
    expect(bootBar({ ...MAKING, done: 0, total: 0 }, 0).share).toBe(0)
  })

  it('counts down between two words of the server, and never below a moment', () => {
    const left = (age: number) => bootBar({ ...MAKING, seconds_left: 12 }, age).left
    expect([left(0), left(2500), left(9000), left(60_000)]).toEqual([
      'about 12 s left',
      'about 10 s left',
      'a moment left',
      'a moment left',
    ])
    expect(bootBar({ ...MAKING, seconds_left: 90 }, 0).left).toBe('about 2 min left')
  })

  it('says nothing of the time where nobody knows it', () => {
    expect(bootBar({ ...MAKING, percent: 10 }, 0).left).toBe('')
  })

  it('says how much of an image is there', () => {
    const label = (pulled: Progress['pulled']) => bootBar({ ...MAKING, phase: 'image', pulled: pulled ?? null }, 0).label
    expect(label({ bytes: 120e6, of: 450e6 })).toBe('Fetching the image: 120 MB of 450 MB')
    expect(label({ bytes: 120e6 })).toBe('Fetching the image: 120 MB')
    expect(label(null)).toBe('Fetching the image…')
  })
})
