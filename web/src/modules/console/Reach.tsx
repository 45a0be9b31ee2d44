import { useQuery } from '@tanstack/react-query'
import { useEffect, useState } from 'react'
import { reachQuery } from '../../api/reach'
import { portOf, reachStage, type ReachStage } from './reachStage'
import styles from './join.module.css'

/** Shows whether a phone gets through, before thirty of them try. */
export function Reach({ joinUrl }: { joinUrl: string }) {
  const reach = useQuery(reachQuery)
  const { start, now } = useClock()
  const { data } = reach
  if (!data) return null
  const stage = reachStage(data, (now - start) / 1000, now)
  return (
    <div className={styles.reach} data-testid="reach" data-stage={stage} role="status">
      <span className={styles.reachDot} aria-hidden="true" />
      <Words stage={stage} joinUrl={joinUrl} />
    </div>
  )
}

function Words({ stage, joinUrl }: { stage: ReachStage; joinUrl: string }) {
  switch (stage) {
    case 'reached':
      return <p>Another device reached this page, and has a live connection.</p>
    case 'page':
      return <p>A device got the page. Its live connection is on the way…</p>
    case 'blocked':
      return (
        <p>
          A device got the page, but no live connection: something in between (a proxy, the Wi-Fi’s captive portal)
          blocks WebSockets. Try another network, or a hotspot of this computer.
        </p>
      )
    case 'waiting':
      return <p>Open this on your phone now. This turns green when it gets through.</p>
    case 'nothing':
      return (
        <div>
          <p>Open this on your phone now. Nothing has come through yet. If the phone shows an error:</p>
          <ul>
            <li>Is it on the same Wi-Fi as this computer, without mobile data?</li>
            <li>Does the Wi-Fi keep devices apart (client isolation, guest network)? Use another, or a hotspot.</li>
            <li>
              Does a firewall on this computer keep it out? <code>sudo ufw allow {portOf(joinUrl)}/tcp</code>
            </li>
          </ul>
        </div>
      )
  }
}

/** Since when this is on the page, and the time as far as it matters here. */
function useClock(): { start: number; now: number } {
  const [clock, setClock] = useState(() => ({ start: Date.now(), now: Date.now() }))
  useEffect(() => {
    const timer = setInterval(() => setClock(({ start }) => ({ start, now: Date.now() })), 5000)
    return () => clearInterval(timer)
  }, [])
  return clock
}
