import { describe, expect, it } from 'vitest'
import { formatJoinCode, isJoinCode, normaliseJoinCode, randomId } from './ids'

describe('join codes', () => {
  it('ignore_case_spaces_and_hyphens_and_read_look_alikes', () => {
    expect(normaliseJoinCode(' 7k3q-9xwd ')).toBe('7K3Q9XWD')
    expect(normaliseJoinCode('oil0')).toBe('0110')
  })

  it('are_grouped_while_being_typed', () => {
    expect(['7k3', '7k3q', '7k3q9', '7K3Q-9XWD', '7k3q9xwdzz'].map(formatJoinCode)).toEqual([
      '7K3',
      '7K3Q',
      '7K3Q-9',
      '7K3Q-9XWD',
      '7K3Q-9XWD',
    ])
  })

  it('have_eight_characters_of_their_alphabet', () => {
    expect(['7K3Q-9XWD', '7K3Q-9XW', '7K3Q-9XWU', ''].map(isJoinCode)).toEqual([true, false, false, false])
  })
})

describe('random ids', () => {
  it('are_128_bits_in_hex_and_differ', () => {
    expect(randomId()).toMatch(/^[0-9a-f]{32}$/)
    expect(randomId()).not.toBe(randomId())
  })
})
