import { afterEach, describe, expect, it, vi } from 'vitest'
import { keepAsRead, wasRead } from './readOnce'

afterEach(() => void vi.unstubAllGlobals())

describe('a notice that was read', () => {
  it('is not shown again, and others are', () => {
    const kept = new Map<string, string>()
    vi.stubGlobal('localStorage', {
      getItem: (key: string) => kept.get(key) ?? null,
      setItem: (key: string, value: string) => void kept.set(key, value),
    })
    expect(wasRead('simple-picture')).toBe(false)
    keepAsRead('simple-picture')
    expect(wasRead('simple-picture')).toBe(true)
    expect(wasRead('another')).toBe(false)
  })

  it('comes again where nothing can be kept, and nothing breaks', () => {
    const off = () => {
      throw new DOMException('storage is off', 'SecurityError')
    }
    vi.stubGlobal('localStorage', { getItem: off, setItem: off })
    keepAsRead('simple-picture')
    expect(wasRead('simple-picture')).toBe(false)
  })
})
