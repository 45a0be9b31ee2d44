import { describe, expect, it } from 'vitest'
import { isQuietEnd, mergeTabs, tabAfterClosing, tabLabel, tabTooltip } from './tabs'

describe('terminal tabs', () => {
  it('always_have_main_first_met', () => {
    expect(mergeTabs([], [])).toEqual(['main'])
    expect(mergeTabs([], ['b', 'main'])).toEqual(['main', 'b'])
  })

  it('keep_their_order_and_drop_what_the_seat_no_longer_has', () => {
    expect(mergeTabs(['main', 'b', 'a'], ['a', 'c', 'main'])).toEqual(['main', 'a', 'c'])
  })

  it('stay_while_their_end_is_to_be_read', () => {
    expect(mergeTabs(['main', 'b', 'a'], ['main'], new Set(['a', 'x']))).toEqual(['main', 'a'])
    expect([isQuietEnd(0), isQuietEnd(129), isQuietEnd(1), isQuietEnd(null)]).toEqual([true, true, false, false])
  })

  it('tell_the_whole_title_when_pointed_at', () => {
    expect(tabTooltip('term-2', 'vim notes about everything that there is')).toBe(
      'vim notes about everything that there is (term-2)',
    )
    expect([tabTooltip('main', ''), tabTooltip('main', 'main')]).toEqual(['main', 'main'])
    expect([...tabTooltip('a', '😀'.repeat(400))].length).toBeLessThan(210)
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
