// Whether another device gets pages and live connections from this server.

import { queryOptions } from '@tanstack/react-query'
import { sendJson } from './client'
import type { Reach } from './types'

export const reachQuery = queryOptions({
  queryKey: ['reach'] as const,
  queryFn: ({ signal }) => sendJson<Reach>('/api/reach', { signal }),
  staleTime: Infinity,
})

/** Answers the server's hello: it learns that live connections come through to this device. */
export function showReach(): () => void {
  const url = new URL('/api/reach', window.location.href)
  url.protocol = url.protocol === 'https:' ? 'wss:' : 'ws:'
  const socket = new WebSocket(url.href)
  socket.onmessage = () => socket.send('{"type":"hello"}')
  return () => {
    // Closing one that is about to open would be written to the console as an error.
    if (socket.readyState === WebSocket.CONNECTING) socket.onopen = () => socket.close(1000)
    else socket.close(1000)
  }
}
