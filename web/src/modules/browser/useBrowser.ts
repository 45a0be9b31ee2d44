import { useEffect, useMemo, useState, useSyncExternalStore } from 'react'
import { askForBrowser } from '../../api/browser'
import type { SeatAddress } from '../../api/seat'
import { BrowserSession, type BrowserState } from './browserSession'

/** A seat's browser for as long as its panel is there; a seat that is made again has another one. */
export function useBrowser(
  { endpoint, seat }: SeatAddress,
  isShown: boolean,
): { state: BrowserState; session: BrowserSession } {
  const session = useMemo(
    () => new BrowserSession((signal) => askForBrowser({ endpoint, seat }, signal)),
    [endpoint, seat],
  )
  const isInFront = useIsInFront()
  useEffect(() => session.watch(isShown && isInFront), [session, isShown, isInFront])
  useEffect(() => () => session.stop(), [session])
  return { state: useSyncExternalStore(session.subscribe, session.getState), session }
}

/** Whether this tab is the one that is seen. */
function useIsInFront(): boolean {
  const [isInFront, setInFront] = useState(() => document.visibilityState === 'visible')
  useEffect(() => {
    const look = () => setInFront(document.visibilityState === 'visible')
    document.addEventListener('visibilitychange', look)
    return () => document.removeEventListener('visibilitychange', look)
  }, [])
  return isInFront
}
