import { useState } from 'react'
import { seatUrl } from '../../api/seat'
import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { Menu, MenuItem, MenuSeparator } from '../../components/Menu'
import { Tooltip } from '../../components/Tooltip'
import type { SeatRecord } from '../auth/seatRecords'
import { usePorts } from '../ports/usePorts'
import type { BrowserState } from './browserSession'
import { ClipboardDialog } from './ClipboardDialog'
import { OtherPortDialog } from './OtherPortDialog'
import { SoundButton } from './SoundButton'
import type { Bridge } from './useBridge'
import type { Sound } from './useSound'
import { QUALITY_WORDS, qualityOf } from './words'
import styles from './browser.module.css'

interface Props {
  record: SeatRecord
  generation: number
  isShown: boolean
  state: BrowserState
  bridge: Bridge
  sound: Sound | null
  canChange: boolean
  onAgain: () => void
  onOpenPort: (port: number) => void
  onPreview: (port: number) => void
  onFullScreen: () => void
}

export function BrowserBar(props: Props) {
  const { record, state, bridge, sound, canChange, onAgain, onFullScreen } = props
  const [clipboardOpen, setClipboardOpen] = useState(false)
  const isThere = state.phase === 'shown'
  return (
    <div className={styles.bar} role="toolbar" aria-label="Browser">
      <Tooltip text="Load the picture again; tabs stay">
        <Button size="icon" look="quiet" aria-label="Load the picture again" disabled={state.phase === 'off'} onClick={onAgain}>
          <Icon name="refresh" />
        </Button>
      </Tooltip>
      {state.phase !== 'off' && canChange && <ServersMenu {...props} />}
      <span className={styles.spacer} />
      {isThere && <QualityMark bridge={bridge} />}
      {isThere && sound && <SoundButton sound={sound} />}
      {isThere && canChange && (
        <Tooltip text="Clipboard of the seat’s browser">
          <Button
            size="icon"
            look="quiet"
            aria-label="Clipboard of the seat’s browser"
            data-testid="browser-clipboard"
            onClick={() => setClipboardOpen(true)}
          >
            <Icon name="clipboard" />
          </Button>
        </Tooltip>
      )}
      {isThere && (
        <>
          <Tooltip text="In a tab of its own">
            <a
              className={styles.iconLink}
              href={seatUrl(record, 'browser/')}
              target="_blank"
              rel="noopener noreferrer"
              aria-label="Open the seat’s browser in a tab of its own"
            >
              <Icon name="enlarge" />
            </a>
          </Tooltip>
          <Tooltip text="Full screen">
            <Button size="icon" look="quiet" aria-label="Full screen" data-testid="browser-full" onClick={onFullScreen}>
              <Icon name="fullScreen" />
            </Button>
          </Tooltip>
        </>
      )}
      <ClipboardDialog open={clipboardOpen} onOpenChange={setClipboardOpen} bridge={bridge} />
    </div>
  )
}

/** The seat's servers: in the browser there, or here without it. */
function ServersMenu({ record, generation, isShown, onOpenPort, onPreview }: Props) {
  const { rows } = usePorts(record, generation, isShown)
  const [asking, setAsking] = useState(false)
  const listening = rows.filter(({ listens }) => listens)
  const only = listening.length === 1 ? listening[0] : undefined
  return (
    <>
      {only && (
        <Button size="small" data-testid={`browser-open-${only.port}`} onClick={() => onOpenPort(only.port)}>
          Open <span className={styles.host}>localhost</span>:{only.port}
        </Button>
      )}
      <Menu
        trigger={
          <Button size="small" look={only ? 'quiet' : 'plain'} data-testid="browser-servers">
            {only ? 'More' : 'Open my server'}
          </Button>
        }
      >
        {listening.map(({ port, process }) => (
          <MenuItem key={port} onSelect={() => onOpenPort(port)}>
            Open localhost:{port}
            {process !== '' && <bdi className={styles.process}>{process}</bdi>}
          </MenuItem>
        ))}
        {listening.length === 0 && <MenuItem disabled onSelect={() => {}}>No server runs on this seat yet</MenuItem>}
        <MenuItem onSelect={() => setAsking(true)}>Another port…</MenuItem>
        {listening.length > 0 && <MenuSeparator />}
        {listening.map(({ port }) => (
          <MenuItem key={port} onSelect={() => onPreview(port)}>
            <Icon name="ports" /> Preview {port} in Ports
          </MenuItem>
        ))}
      </Menu>
      <OtherPortDialog open={asking} onOpenChange={setAsking} onOpenPort={onOpenPort} />
    </>
  )
}

function QualityMark({ bridge }: { bridge: Bridge }) {
  const { quality, isAttached } = bridge
  const level = qualityOf(isAttached ? quality : null)
  const rttMs = quality?.rttMs ?? null
  const figures = rttMs === null ? '' : ` · ${Math.round(rttMs)} ms · ${Math.round(quality?.fps ?? 0)} pictures a second`
  return (
    <Tooltip text={`${QUALITY_WORDS[level]}${figures}`}>
      <span className={styles.quality} data-testid="browser-quality" data-quality={level} role="img" aria-label={QUALITY_WORDS[level]}>
        <i aria-hidden="true" />
        <i aria-hidden="true" />
        <i aria-hidden="true" />
      </span>
    </Tooltip>
  )
}
