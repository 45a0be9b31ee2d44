import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { Notice } from '../../components/Notice'
import { Tooltip } from '../../components/Tooltip'
import type { Sound } from './useSound'
import { soundWords } from './words'
import styles from './browser.module.css'

/** Turns sound on and off for this page. */
export function SoundButton({ sound }: { sound: Sound }) {
  const { isWanted, state, obstacle, toggle } = sound
  return (
    <Tooltip text={obstacle ?? soundWords(isWanted, state)}>
      <Button
        size="icon"
        look="quiet"
        className={styles.sound}
        aria-label="Sound of the seat’s browser"
        aria-pressed={isWanted}
        data-testid="browser-sound"
        data-sound={obstacle === null ? (isWanted ? state : 'off') : 'none'}
        onClick={toggle}
      >
        <Icon name={isWanted ? 'sound' : 'soundOff'} />
      </Button>
    </Tooltip>
  )
}

/** Why nothing is heard although somebody asked for sound, and what helps. */
export function SoundNotice({ sound }: { sound: Sound }) {
  const { isWanted, state, obstacle, wasRefused, again, dismiss } = sound
  if (obstacle !== null && wasRefused) {
    return (
      <Notice
        testId="browser-no-sound"
        action={
          <Button size="small" onClick={dismiss}>
            Got it
          </Button>
        }
      >
        {obstacle}
      </Notice>
    )
  }
  if (!isWanted || (state !== 'blocked' && state !== 'failed')) return null
  return (
    <Notice
      tone={state === 'failed' ? 'warn' : 'info'}
      testId="browser-no-sound"
      action={
        state === 'failed' && (
          <Button size="small" onClick={again}>
            Try again
          </Button>
        )
      }
    >
      {soundWords(isWanted, state)}
    </Notice>
  )
}
