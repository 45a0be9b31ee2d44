import { useState } from 'react'
import { Button } from '../../components/Button'
import { CopyButton } from '../../components/CopyButton'
import { Notice } from '../../components/Notice'
import { saveSeatRecord, type LearnerRecord } from '../../modules/auth/seatRecords'

/** Shown once, after joining: the way back from another device. */
export function ReconnectNote({ record }: { record: LearnerRecord }) {
  const [noted, setNoted] = useState(record.noted)
  if (noted) return null
  return (
    <Notice
      tone="ok"
      testId="reconnect-note"
      action={
        <>
          <CopyButton text={record.reconnectCode} label="Copy" />
          <Button
            size="small"
            onClick={() => {
              saveSeatRecord({ ...record, noted: true })
              setNoted(true)
            }}
          >
            Got it
          </Button>
        </>
      }
    >
      You are in, on seat {record.seat}. To come back from another device, note your reconnect code:{' '}
      <strong>
        <code>{record.reconnectCode}</code>
      </strong>
    </Notice>
  )
}
