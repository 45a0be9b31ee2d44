import { useEffect, useRef, useState } from 'react'
import { loadPart } from '../../api/parts'
import { Button } from '../../components/Button'
import { Spinner } from '../../components/Spinner'
import type { XtermEmulator } from './emulator'
import { isQuietEnd, MAIN } from './tabs'
import { TouchKeys } from './TouchKeys'
import { TerminalSocket, type SeatLink, type TerminalStatus } from './socket'
import styles from './TerminalView.module.css'

interface Props {
  name: string
  link: SeatLink
  active: boolean
  canType: boolean
  onTitle: (title: string) => void
  onOutput: () => void
  onAttached: () => void
  /** The shell has ended, and what it said last is there to be read. */
  onEnded: () => void
  /** The shell has ended and cannot be started again under its name. */
  onClosed: () => void
}

interface Running {
  emulator: XtermEmulator
  socket: TerminalSocket
}

/** One terminal, alive for as long as its tab, shown or not. */
export function TerminalView({ name, link, active, canType, ...events }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const running = useRef<Running | null>(null)
  const [status, setStatus] = useState<TerminalStatus>({ state: 'connecting' })
  const [failure, setFailure] = useState<string | null>(null)

  // The effect below runs once; what it calls may change with every render.
  const handlers = useRef({ ...events, active })
  useEffect(() => {
    handlers.current = { ...events, active }
  })

  useEffect(() => {
    const container = host.current
    if (!container) return
    let disposed = false
    const observer = new ResizeObserver(() => fitTo(running.current))
    loadPart(() => import('./emulator')).then(
      ({ createEmulator }) => {
        if (disposed) return
        const emulator = createEmulator(container, {
          label: `Terminal ${name}`,
          mode: link.mode(),
          onInput: (bytes) => {
            fitTo(running.current) // Whoever types decides the size.
            running.current?.socket.input(bytes)
          },
        })
        const size = emulator.proposedSize()
        if (size) emulator.resize(size)
        const socket = new TerminalSocket(name, emulator, link, {
          status: (next) => {
            setStatus(next)
            if (next.state === 'attached') {
              fitTo(running.current)
              handlers.current.onAttached()
            }
            if (next.state === 'exited') handlers.current.onTitle('')
            if (name === MAIN) return
            // What ended in peace, or was closed elsewhere, goes without a word; anything else stays to be read.
            const isQuiet = next.state === 'gone' || (next.state === 'exited' && isQuietEnd(next.code))
            if (isQuiet) handlers.current.onClosed()
            else if (next.state === 'exited') handlers.current.onEnded()
          },
          title: (title) => handlers.current.onTitle(title),
          output: () => handlers.current.onOutput(),
        })
        running.current = { emulator, socket }
        observer.observe(container)
        if (handlers.current.active && mayTakeFocus(container)) emulator.focus()
      },
      () => setFailure('The terminal could not be loaded. Check your connection and reload the page.'),
    )
    return () => {
      disposed = true
      observer.disconnect()
      running.current?.socket.dispose()
      running.current?.emulator.dispose()
      running.current = null
    }
  }, [name, link])

  useEffect(() => {
    if (!active) return
    fitTo(running.current)
    running.current?.emulator.focus()
  }, [active])

  return (
    <div className={styles.terminal} hidden={!active}>
      <div
        ref={host}
        className={styles.screen}
        role="group"
        aria-label={`Terminal ${name}`}
        data-testid={active ? 'terminal' : 'terminal-hidden'}
        data-name={name}
        data-state={status.state}
      />
      {canType && status.state === 'attached' && <TouchKeys onKey={(key) => running.current?.emulator.press(key)} />}
      <Overlay
        status={status}
        failure={failure}
        canRestart={name === MAIN}
        onRestart={() => {
          running.current?.socket.restart()
          running.current?.emulator.focus()
        }}
        onClosed={events.onClosed}
      />
    </div>
  )
}

/** A terminal that appears takes the focus from nobody who is writing somewhere else. */
function mayTakeFocus(container: HTMLElement): boolean {
  const focused = document.activeElement
  const panel = container.closest('section')
  return focused === null || focused === document.body || (panel?.contains(focused) ?? false)
}

function fitTo(running: Running | null): void {
  const size = running?.emulator.proposedSize()
  if (size) running?.socket.fit(size)
}

function Overlay({
  status,
  failure,
  canRestart,
  onRestart,
  onClosed,
}: {
  status: TerminalStatus
  failure: string | null
  canRestart: boolean
  onRestart: () => void
  onClosed: () => void
}) {
  if (failure !== null) {
    return (
      <div className={styles.overlay} role="alert">
        <span>{failure}</span>
        <Button size="small" onClick={() => window.location.reload()}>
          Reload
        </Button>
      </div>
    )
  }
  switch (status.state) {
    case 'attached':
      return null
    case 'connecting':
      return (
        <div className={styles.overlay}>
          <Spinner label="Connecting…" />
        </div>
      )
    case 'reconnecting':
      return (
        <div className={styles.overlay} data-testid="terminal-reconnecting">
          <Spinner label="Reconnecting…" />
        </div>
      )
    case 'exited':
    case 'gone':
      return (
        <div className={styles.overlay} role="status" data-testid="terminal-ended">
          <span>
            {status.state === 'exited' && status.code !== null
              ? `This shell has ended (exit code ${status.code}).`
              : 'This shell has ended.'}
          </span>
          <Button size="small" look="primary" onClick={canRestart ? onRestart : onClosed}>
            {canRestart ? 'Start a new shell' : 'Close this terminal'}
          </Button>
        </div>
      )
  }
}
