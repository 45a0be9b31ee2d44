import { afterEach, describe, expect, it, vi } from 'vitest'
import { isSoundWanted, keepSoundWish } from './soundWish'

afterEach(() => void vi.unstubAllGlobals())

const ADA = { endpoint: 'http://ws-aaaaaaaa.localhost:8080', seat: 1 }
const BOB = { ...ADA, seat: 2 }

describe('the wish for sound', () => {
  it('is off at first, one seat at a time, and the tab keeps it', () => {
    const kept = new Map<string, string>()
    vi.stubGlobal('sessionStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
      removeItem: (key: string) => void kept.delete(key),
    })
    expect(isSoundWanted(ADA)).toBe(false)
    keepSoundWish(ADA, true)
    expect([isSoundWanted(ADA), isSoundWanted(BOB)]).toEqual([true, false])
    keepSoundWish(ADA, false)
    expect(isSoundWanted(ADA)).toBe(false)
    expect(kept.size).toBe(0)
  })

  it('breaks nothing where nothing can be kept', () => {
    const off = () => {
      throw new DOMException('storage is off', 'SecurityError')
    }
    vi.stubGlobal('sessionStorage', { getItem: off, setItem: off, removeItem: off })
    keepSoundWish(ADA, true)
    expect(isSoundWanted(ADA)).toBe(false)
  })
})
