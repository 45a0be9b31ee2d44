import { describe, expect, it } from 'vitest'
import { mergeTabs, tabAfterClosing, tabLabel } from './tabs'

describe('terminal tabs', () => {
  it('always_have_main_first_met', () => {
    expect(mergeTabs([], [])).toEqual(['main'])
    expect(mergeTabs([], ['b', 'main'])).toEqual(['main', 'b'])
  })

  it('keep_their_order_and_drop_what_the_seat_no_longer_has', () => {
    expect(mergeTabs(['main', 'b', 'a'], ['a', 'c', 'main'])).toEqual(['main', 'a', 'c'])
  })

  it('hand_over_to_a_neighbour', () => {
    expect(tabAfterClosing(['main', 'a', 'b'], 'a')).toBe('b')
    expect(tabAfterClosing(['main', 'a'], 'a')).toBe('main')
    expect(tabAfterClosing(['main'], 'x')).toBe('main')
  })

  it('show_titles_without_control_or_direction_characters', () => {
    expect(tabLabel('main', '')).toBe('main')
    expect(tabLabel('main', 'vim\u0007\u202e notes')).toBe('vim notes')
    expect(tabLabel('main', 'x'.repeat(60))).toHaveLength(24)
  })
})
