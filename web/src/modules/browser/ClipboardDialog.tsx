import { useState } from 'react'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Dialog, DialogActions } from '../../components/Dialog'
import type { Bridge } from './useBridge'
import styles from './browser.module.css'

interface Props {
  open: boolean
  onOpenChange: (open: boolean) => void
  bridge: Bridge
}

/**
 * Both ways by hand: Ctrl+C and Ctrl+V in the picture do it by themselves where this browser lets a frame at its
 * clipboard, which over plain http it does not.
 */
export function ClipboardDialog({ open, onOpenChange, bridge }: Props) {
  const [text, setText] = useState('')
  return (
    <Dialog
      open={open}
      onOpenChange={onOpenChange}
      title="Clipboard"
      description="Ctrl+C and Ctrl+V work in the picture where your own browser allows it. Where it does not, they work here."
      testId="browser-clipboard-dialog"
    >
      <div className={styles.clipboard}>
        <label htmlFor="browser-clipboard-in">To the seat’s browser</label>
        <textarea
          id="browser-clipboard-in"
          rows={4}
          value={text}
          spellCheck={false}
          placeholder="Paste here, press the button, then Ctrl+V in the picture"
          onChange={(event) => setText(event.target.value)}
        />
        <div>
          <Button
            size="small"
            look="primary"
            disabled={text === ''}
            onClick={() => {
              bridge.tell({ type: 'clipboard', text })
              onOpenChange(false)
            }}
          >
            Put it there
          </Button>
        </div>
        <label htmlFor="browser-clipboard-out">Last copied there</label>
        <textarea id="browser-clipboard-out" rows={4} readOnly value={bridge.copied ?? ''} placeholder="Nothing yet" />
        {bridge.copied !== null && (
          <div>
            <CopyButton text={bridge.copied} label="Copy to this computer" />
          </div>
        )}
      </div>
      <DialogActions>
        <Button onClick={() => onOpenChange(false)}>Close</Button>
      </DialogActions>
    </Dialog>
  )
}
