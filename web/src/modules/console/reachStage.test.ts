import { expect, test } from 'vitest'
import { isInRoom, portOf, reachStage } from './reachStage'

const NOW = Date.parse('2026-01-01T09:00:30Z')
const at = (seconds: number) => new Date(NOW - seconds * 1000).toISOString()

test('it_goes_from_waiting_over_the_page_to_green', () => {
  expect(reachStage({ page_at: null, websocket_at: null }, 0, NOW)).toBe('waiting')
  expect(reachStage({ page_at: at(2), websocket_at: null }, 0, NOW)).toBe('page')
  expect(reachStage({ page_at: at(2), websocket_at: at(1) }, 0, NOW)).toBe('reached')
})

test('what_does_not_come_is_told_with_its_remedy', () => {
  expect(reachStage({ page_at: at(20), websocket_at: null }, 0, NOW)).toBe('blocked')
  expect(reachStage({ page_at: null, websocket_at: null }, 60, NOW)).toBe('nothing')
  expect(portOf('http://192.168.1.5:8080/join#A')).toBe('8080')
  expect(portOf('http://class.local/join')).toBe('80')
})

test('a_server_behind_a_domain_is_no_room', () => {
  expect(isInRoom('http://192.168.1.5:8080/join')).toBe(true)
  expect(isInRoom('https://class.example.org/join')).toBe(false)
})
