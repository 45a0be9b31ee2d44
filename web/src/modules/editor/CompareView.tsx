import { useEffect, useRef, useState } from 'react'
import { messageOf } from '../../api/client'
import { Loading, State } from '../../components/State'
import type { SeatEditor } from './useEditor'
import styles from './EditorPanel.module.css'

/** The seat's text beside the person's own, for as long as they disagree. */
export function CompareView({ editor, path, readOnly }: { editor: SeatEditor; path: string; readOnly: boolean }) {
  const host = useRef<HTMLDivElement>(null)
  const [state, setState] = useState<{ at: 'loading' | 'there' } | { at: 'declined'; why: string }>({ at: 'loading' })

  useEffect(() => {
    let left = false
    let end: (() => void) | null = null
    Promise.all([editor.theirs(path), editor.ready()]).then(
      ([theirs, buffers]) => {
        if (left || !host.current) return
        if ('declined' in theirs) {
          setState({ at: 'declined', why: theirs.declined })
          return
        }
        end = buffers.compare(host.current, path, theirs.text, readOnly)
        setState({ at: 'there' })
      },
      (error: unknown) => setState({ at: 'declined', why: messageOf(error) }),
    )
    return () => {
      left = true
      end?.()
    }
  }, [editor, path, readOnly])

  return (
    <div className={styles.compare} role="group" aria-label="Theirs and yours" data-testid="editor-compare">
      <div className={styles.sides} aria-hidden="true">
        <span>On your seat</span>
        <span>Yours</span>
      </div>
      {state.at === 'loading' && <Loading label="Loading the other text…" />}
      {state.at === 'declined' && <State title="They cannot be compared">{state.why}</State>}
      <div ref={host} className={styles.compareHost} hidden={state.at === 'declined'} />
    </div>
  )
}
