import { useCallback, useEffect, useState, type RefObject } from 'react'
import { parseFromFrame, tellFrame, type FromFrame, type SoundState, type ToFrame } from './bridge'

const ATTACH_EVERY_MS = 1000
/** A page that was there and says nothing for so long is gone: the frame waits for the browser again. */
const SILENCE_MS = 4000

export interface Bridge {
  /** Whether the page in the frame is the stream's, and answers. */
  isAttached: boolean
  quality: Extract<FromFrame, { type: 'quality' }> | null
  /** What was last copied in the seat's browser. */
  copied: string | null
  opened: { port: number; ok: boolean } | null
  /** `null`: this browser has none, or nobody has said so yet. */
  sound: SoundState | null
  tell: (message: ToFrame) => void
}

/** Talks to the page in the frame; it asks until that page is there, and again when it was loaded anew. */
export function useBridge(frame: RefObject<HTMLIFrameElement | null>, origin: string | null): Bridge {
  const [isAttached, setAttached] = useState(false)
  const [quality, setQuality] = useState<Bridge['quality']>(null)
  const [copied, setCopied] = useState<string | null>(null)
  const [opened, setOpened] = useState<Bridge['opened']>(null)
  const [sound, setSound] = useState<Bridge['sound']>(null)
  const tell = useCallback(
    (message: ToFrame) => {
      if (origin !== null) tellFrame(frame.current, origin, message)
    },
    [frame, origin],
  )

  useEffect(() => {
    if (origin === null) return
    let heardAt = 0
    function hear(event: MessageEvent) {
      if (event.origin !== origin || event.source !== frame.current?.contentWindow) return
      const message = parseFromFrame(event.data)
      if (message) heardAt = performance.now()
      if (message?.type === 'attached') setAttached(true)
      else if (message?.type === 'quality') setQuality(message)
      else if (message?.type === 'clipboard') setCopied(message.text)
      else if (message?.type === 'opened') setOpened({ port: message.port, ok: message.ok })
      else if (message?.type === 'sound') setSound(message.state)
    }
    window.addEventListener('message', hear)
    function lose() {
      setAttached(false)
      setQuality(null)
      setSound(null)
    }
    const attach = setInterval(() => {
      tell({ type: 'attach' })
      if (performance.now() - heardAt > SILENCE_MS) lose()
    }, ATTACH_EVERY_MS)
    return () => {
      window.removeEventListener('message', hear)
      clearInterval(attach)
      lose()
      setOpened(null)
    }
  }, [frame, origin, tell])

  return { isAttached, quality, copied, opened, sound, tell }
}
