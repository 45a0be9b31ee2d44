import { useEffect, useState } from 'react'
import type { SeatRecord } from '../auth/seatRecords'
import type { SoundState } from './bridge'
import { isSoundWanted, keepSoundWish } from './soundWish'
import type { Bridge } from './useBridge'
import { noSoundWords } from './words'

export interface Sound {
  isWanted: boolean
  state: SoundState
  /** Why this web browser can't play it here; `null` where it can. */
  obstacle: string | null
  /** Whether somebody pressed for sound that can't be had. */
  wasRefused: boolean
  toggle: () => void
  again: () => void
  /** What was refused has been read. */
  dismiss: () => void
}

/** Sound of the seat's browser for this page, off until somebody turns it on; `null` where the browser has none. */
export function useSound(record: SeatRecord, { isAttached, sound: state, tell }: Bridge): Sound | null {
  const [isWanted, setWanted] = useState(() => isSoundWanted(record))
  const [wasRefused, setRefused] = useState(false)
  const obstacle = noSoundWords({ isSecure: window.isSecureContext, hasPlayer: 'AudioWorklet' in window })
  const isOn = isWanted && obstacle === null

  // A frame that was loaded anew has it off again.
  const isOff = state === 'off'
  useEffect(() => {
    if (isAttached && state !== null && isOn === isOff) tell({ type: 'sound', on: isOn })
  }, [isAttached, state, isOn, isOff, tell])

  if (state === null) return null
  return {
    isWanted: isOn,
    state,
    obstacle,
    wasRefused,
    toggle() {
      if (obstacle !== null) {
        setRefused(!wasRefused)
        return
      }
      keepSoundWish(record, !isWanted)
      setWanted(!isWanted)
    },
    again() {
      // Off, and the effect above turns it on.
      tell({ type: 'sound', on: false })
    },
    dismiss: () => setRefused(false),
  }
}
