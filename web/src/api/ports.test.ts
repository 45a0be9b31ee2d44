import { describe, expect, it } from 'vitest'
import { isSeatPort, portLink } from './ports'

describe('ports', () => {
  it('leaves out what is the system’s or the seat’s own', () => {
    const all = [80, 1023, 1024, 3000, 3001, 3002, 3003, 3004, 5173, 65_535, 65_536, 1.5, Number.NaN]
    expect(all.filter(isSeatPort)).toEqual([1024, 3000, 3004, 5173, 65_535])
  })

  it('links to the page that opens a port, with its path', () => {
    const seat = { workshop: 'ws-abcdefgh', seat: 3 }
    expect(portLink(seat, 5173)).toBe('/seat/ws-abcdefgh/3?open=5173')
    expect(portLink({ ...seat, role: 'instructor' }, 8000, '/a?b=c')).toBe(
      '/seat/ws-abcdefgh/3?open=8000&path=%2Fa%3Fb%3Dc&as=instructor',
    )
  })
})
