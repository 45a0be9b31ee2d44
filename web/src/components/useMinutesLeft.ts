import { useEffect, useState } from 'react'

const MINUTE_MS = 60_000
/** Looked at so often that a minute is never told wrongly for long, on machines that sleep too. */
const LOOK_MS = 5_000

/** Begun minutes until a moment (RFC 3339), by this machine's clock: 15 means more than 14. `null` without a moment. */
export function minutesLeft(moment: string | null | undefined, now: number): number | null {
  const at = Date.parse(moment ?? '')
  return Number.isNaN(at) ? null : Math.max(0, Math.ceil((at - now) / MINUTE_MS))
}

/** The same, as time goes by. */
export function useMinutesLeft(moment: string | null | undefined): number | null {
  const [left, setLeft] = useState(() => minutesLeft(moment, Date.now()))
  useEffect(() => {
    const look = () => setLeft(minutesLeft(moment, Date.now()))
    look()
    const timer = setInterval(look, LOOK_MS)
    return () => clearInterval(timer)
  }, [moment])
  return left
}
