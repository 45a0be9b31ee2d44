import { expect, test } from 'vitest'
import { isOnlyHere, joinAddress } from './joinAddress'

test('learners_type_neither_scheme_nor_code', () => {
  expect(joinAddress('http://192.168.1.5:8080/join#7K3Q-9XWD')).toBe('192.168.1.5:8080/join')
  expect(joinAddress('https://class.example.org/join#7K3Q-9XWD')).toBe('class.example.org/join')
})

test('links_to_loopback_are_of_no_use_to_others', () => {
  for (const host of ['localhost:8080', '127.0.0.1:8080', '127.8.9.1', '[::1]:8080']) {
    expect(isOnlyHere(`http://${host}/join#7K3Q-9XWD`), host).toBe(true)
  }
  for (const host of ['192.168.1.5:8080', '127.example.org', 'localhost.example.org', '[2001:db8::1]:8080']) {
    expect(isOnlyHere(`http://${host}/join#7K3Q-9XWD`), host).toBe(false)
  }
})
