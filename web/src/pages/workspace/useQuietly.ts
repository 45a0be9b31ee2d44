import { useEffect, useRef } from 'react'

const QUIET_MS = 600
const AT_LEAST_EVERY_MS = 3000

/** Calls `act` when a burst of calls has come to rest, and now and then during one that does not. */
export function useQuietly(act: () => void): () => void {
  const latest = useRef(act)
  useEffect(() => {
    latest.current = act
  })
  const timer = useRef<ReturnType<typeof setTimeout>>(undefined)
  const since = useRef(0)
  useEffect(() => () => clearTimeout(timer.current), [])

  return () => {
    const now = performance.now()
    if (since.current === 0) since.current = now
    const left = Math.max(0, since.current + AT_LEAST_EVERY_MS - now)
    clearTimeout(timer.current)
    timer.current = setTimeout(
      () => {
        since.current = 0
        latest.current()
      },
      Math.min(QUIET_MS, left),
    )
  }
}
