import { useCallback, useEffect, useRef, useState } from 'react'
import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'
import { Failed, State } from '../../components/State'
import { Spinner } from '../../components/Spinner'
import type { SeatRecord } from '../auth/seatRecords'
import { OWN_ORIGIN_SANDBOX } from '../ports/sandbox'
import { BrowserBar } from './BrowserBar'
import type { BrowserSession, BrowserState } from './browserSession'
import { keepAsRead, wasRead } from './readOnce'
import { SoundNotice } from './SoundButton'
import { useBridge } from './useBridge'
import { useBrowser } from './useBrowser'
import { useSound } from './useSound'
import { simplePictureWords, waitWords } from './words'
import styles from './browser.module.css'

interface Props {
  record: SeatRecord
  generation: number
  isShown: boolean
  canChange: boolean
  /** The same server without the seat's browser in between. */
  onPreview: (port: number) => void
}

/** The browser that runs in the seat, streamed: there `localhost` is the seat. */
export function BrowserPanel({ record, generation, isShown, canChange, onPreview }: Props) {
  const { state, session } = useBrowser(record, isShown)
  const origin = state.phase === 'shown' ? state.origin : null
  const frame = useRef<HTMLIFrameElement>(null)
  const bridge = useBridge(frame, origin)
  const sound = useSound(record, bridge)
  const [wanted, setWanted] = useState<number | null>(null)
  const panel = useRef<HTMLElement>(null)
  const { tell, isAttached } = bridge

  // What was asked for before there was a browser is opened as soon as there is one.
  const openPort = useCallback(
    (port: number) => {
      if (isAttached) tell({ type: 'open', port })
      else setWanted(port)
    },
    [isAttached, tell],
  )
  if (isAttached && wanted !== null) setWanted(null)
  const late = useRef<number | null>(null)
  useEffect(() => {
    if (wanted !== null) late.current = wanted
    else if (isAttached && late.current !== null) {
      tell({ type: 'open', port: late.current })
      late.current = null
    }
  }, [wanted, isAttached, tell])

  return (
    <section ref={panel} className={styles.panel} aria-label="Browser" data-testid="browser" data-phase={state.phase}>
      <BrowserBar
        record={record}
        generation={generation}
        isShown={isShown}
        state={state}
        bridge={bridge}
        sound={sound}
        canChange={canChange}
        onAgain={() => session.again()}
        onOpenPort={openPort}
        onPreview={onPreview}
        onFullScreen={() => void toggleFullScreen(panel.current)}
      />
      {bridge.opened?.ok === false && (
        <Notice
          tone="warn"
          action={
            <Button size="small" onClick={() => openPort(bridge.opened?.port ?? 0)}>
              Try again
            </Button>
          }
        >
          The browser did not open port {bridge.opened.port}. Type localhost:{bridge.opened.port} into its address bar, or
          try again.
        </Notice>
      )}
      {state.phase === 'shown' && sound && <SoundNotice sound={sound} />}
      {state.phase === 'shown' && <SimplePicture />}
      <div className={styles.view}>
        {state.phase === 'shown' ? (
          <iframe
            key={state.url}
            ref={frame}
            className={styles.frame}
            src={state.url}
            title="The seat’s browser"
            sandbox={OWN_ORIGIN_SANDBOX}
            referrerPolicy="no-referrer"
            allow="autoplay; clipboard-read; clipboard-write; fullscreen"
            data-testid="browser-frame"
          />
        ) : (
          <Meanwhile state={state} session={session} wanted={wanted} isLearner={record.role === 'learner'} />
        )}
      </div>
    </section>
  )
}

const SIMPLE_PICTURE = 'simple-picture'

/** Where the picture can't be video: that, why, and what would help; until it was read once in this web browser. */
function SimplePicture() {
  const [isRead, setRead] = useState(() => wasRead(SIMPLE_PICTURE))
  const words = simplePictureWords({ isSecure: window.isSecureContext, hasDecoder: 'VideoDecoder' in window })
  if (words === null || isRead) return null
  return (
    <Notice
      testId="browser-simple-picture"
      action={
        <Button
          size="small"
          onClick={() => {
            keepAsRead(SIMPLE_PICTURE)
            setRead(true)
          }}
        >
          Got it
        </Button>
      }
    >
      {words}
    </Notice>
  )
}

interface MeanwhileProps {
  state: Exclude<BrowserState, { phase: 'shown' }>
  session: BrowserSession
  wanted: number | null
  isLearner: boolean
}

/** While there is no picture: why, and what can be done. */
function Meanwhile({ state, session, wanted, isLearner }: MeanwhileProps) {
  switch (state.phase) {
    case 'asking':
      return <Waiting title="Asking for your browser…" wanted={wanted} />
    case 'waiting': {
      const { title, text } = waitWords(state.wait)
      return <Waiting title={title} text={text} since={state.since} wanted={wanted} />
    }
    case 'unreachable':
      return <Waiting title="Trying again by itself…" text={state.message} wanted={wanted} />
    case 'resting':
      return (
        <State
          title="The browser rests"
          action={<Button onClick={() => session.again()}>Wake it</Button>}
          testId="browser-resting"
        >
          Nobody looked at it for a while. Its tabs are kept unless the machine needs its place for somebody else.
        </State>
      )
    case 'off':
      return (
        <State title="The browser is off for this workshop" testId="browser-off">
          {isLearner ? 'Your instructor can turn it on for a next one.' : 'The form for a new workshop has it under “More options”.'}{' '}
          Terminal, editor and Ports are not affected.
        </State>
      )
    case 'failed':
      return (
        <Failed
          title="The browser did not start"
          message={isLearner ? `${state.message} Your instructor can read this, too.` : state.message}
          onRetry={() => session.again()}
        />
      )
  }
}

interface WaitingProps {
  title: string
  text?: string
  since?: number
  wanted: number | null
}

function Waiting({ title, text, since, wanted }: WaitingProps) {
  return (
    <div className={styles.waiting} data-testid="browser-waiting">
      <Spinner label={title} />
      {text !== undefined && <p>{text}</p>}
      {since !== undefined && <Elapsed since={since} />}
      {wanted !== null && <p>It opens localhost:{wanted} then.</p>}
    </div>
  )
}

/** Seconds that were waited: the only progress that can be told truthfully. */
function Elapsed({ since }: { since: number }) {
  const [now, setNow] = useState(() => Date.now())
  useEffect(() => {
    const timer = setInterval(() => setNow(Date.now()), 1000)
    return () => clearInterval(timer)
  }, [])
  const seconds = Math.max(0, Math.floor((now - since) / 1000))
  return seconds < 3 ? null : <p className={styles.elapsed}>{seconds} s</p>
}

async function toggleFullScreen(panel: HTMLElement | null): Promise<void> {
  if (document.fullscreenElement) await document.exitFullscreen()
  else await panel?.requestFullscreen?.()
}
