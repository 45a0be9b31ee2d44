import { useState, type FormEvent } from 'react'
import { isSeatPort } from '../../api/ports'
import { Button } from '../../components/Button'
import { Dialog, DialogActions } from '../../components/Dialog'
import { Field } from '../../components/Field'

interface Props {
  open: boolean
  onOpenChange: (open: boolean) => void
  onOpenPort: (port: number) => void
}

/** A port that nothing listens on yet, or that the list does not show. */
export function OtherPortDialog({ open, onOpenChange, onOpenPort }: Props) {
  const [text, setText] = useState('')
  const [isWrong, setWrong] = useState(false)
  function submit(event: FormEvent) {
    event.preventDefault()
    const port = /^[1-9]\d{3,4}$/.test(text.trim()) ? Number(text) : 0
    setWrong(!isSeatPort(port))
    if (!isSeatPort(port)) return
    onOpenPort(port)
    onOpenChange(false)
  }
  return (
    <Dialog open={open} onOpenChange={onOpenChange} title="Open a port in the seat’s browser" testId="browser-port-dialog">
      <form noValidate onSubmit={submit}>
        <Field
          label="Port"
          inputMode="numeric"
          placeholder="8000"
          value={text}
          autoComplete="off"
          error={isWrong ? 'A number from 1024 to 65535, but not 3001 to 3003.' : undefined}
          onChange={(event) => setText(event.target.value)}
        />
        <DialogActions>
          <Button onClick={() => onOpenChange(false)}>Cancel</Button>
          <Button type="submit" look="primary">
            Open
          </Button>
        </DialogActions>
      </form>
    </Dialog>
  )
}
