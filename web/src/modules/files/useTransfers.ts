import { useEffect, useState, useSyncExternalStore } from 'react'
import type { SeatAddress } from '../../api/seat'
import { transferCalls, Transfers } from './transfers'

/** The page's uploads; leaving it while one is under way is asked about. `address` is read once. */
export function useTransfers(address: SeatAddress, onArrived: () => void) {
  const [transfers] = useState(() => new Transfers(transferCalls(address), onArrived))
  const list = useSyncExternalStore(transfers.subscribe, transfers.getState)

  useEffect(() => {
    const onLeave = (event: BeforeUnloadEvent) => {
      if (transfers.isBusy) event.preventDefault()
    }
    window.addEventListener('beforeunload', onLeave)
    return () => window.removeEventListener('beforeunload', onLeave)
  }, [transfers])

  return { transfers, list }
}
