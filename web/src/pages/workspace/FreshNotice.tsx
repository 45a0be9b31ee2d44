import { useState } from 'react'
import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'

/** Whose seat was reset, or a reset of it undone, while they had it open reads why everything is different now. */
export function FreshNotice({ generation }: { generation: number }) {
  const [known, setKnown] = useState(generation)
  if (generation === known) return null
  return (
    <Notice
      testId="fresh-notice"
      action={
        <Button size="small" onClick={() => setKnown(generation)}>
          Got it
        </Button>
      }
    >
      Your instructor has reset this seat, or undone a reset: files and terminals are new. If something is missing, tell
      them; a reset can be undone for half an hour. Texts that were open here are kept until you close them.
    </Notice>
  )
}
