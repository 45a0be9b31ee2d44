import { LARGEST_ARCHIVE_BYTES } from '../../api/archive'
import { Button } from '../../components/Button'
import { Dialog, DialogActions } from '../../components/Dialog'
import type { Transfer, Transfers } from './transfers'
import { count, sizeWords } from './transferWords'
import styles from './Transfers.module.css'

const MOST_NAMES = 8

/** The one question that an upload may have: what to do with what is in the way. */
export function ConflictDialog({ transfers, list }: { transfers: Transfers; list: readonly Transfer[] }) {
  const asking = list.find(({ state }) => state === 'asking')
  if (!asking) return null
  const { id, kind, inTheWay } = asking
  return (
    <Dialog
      key={id}
      open
      onOpenChange={(open) => !open && transfers.answer(id, null)}
      role="alertdialog"
      title={inTheWay.length === 1 ? 'This file is already there' : `${count(inTheWay.length, 'file')} are already there`}
      description={
        kind === 'unpack'
          ? 'Unpacking would replace what is there. Nothing has been written so far.'
          : 'What should happen with them? The others are uploaded in any case.'
      }
      testId="conflict-dialog"
    >
      <ul className={styles.names}>
        {inTheWay.slice(0, MOST_NAMES).map((path) => (
          <li key={path}>
            <bdi>{path}</bdi>
          </li>
        ))}
        {inTheWay.length > MOST_NAMES && <li>and {inTheWay.length - MOST_NAMES} more</li>}
      </ul>
      <DialogActions>
        {kind === 'unpack' ? (
          <Button onClick={() => transfers.answer(id, null)}>Cancel</Button>
        ) : (
          <>
            <Button onClick={() => transfers.answer(id, 'skip')}>Skip</Button>
            <Button onClick={() => transfers.answer(id, 'keep_both')}>Keep both</Button>
          </>
        )}
        <Button look="danger" onClick={() => transfers.answer(id, 'replace')}>
          Replace
        </Button>
      </DialogActions>
    </Dialog>
  )
}

interface ArchiveProps {
  archive: { folder: string; file: File } | null
  onUnpack: () => void
  onUpload: () => void
  onCancel: () => void
}

export function ArchiveDialog({ archive, onUnpack, onUpload, onCancel }: ArchiveProps) {
  const tooLarge = (archive?.file.size ?? 0) > LARGEST_ARCHIVE_BYTES
  return (
    <Dialog
      open={archive !== null}
      onOpenChange={(open) => !open && onCancel()}
      title="Unpack it here?"
      description={
        <>
          <bdi>{archive?.file.name}</bdi> is an archive
          {archive?.folder ? (
            <>
              , and it goes to <bdi>{archive.folder}</bdi>
            </>
          ) : null}
          .
          {tooLarge &&
            ` It has ${sizeWords(archive?.file.size ?? 0)}; up to ${sizeWords(LARGEST_ARCHIVE_BYTES)} can be unpacked here. Upload it, and unpack it in the terminal.`}
        </>
      }
      testId="archive-dialog"
    >
      <DialogActions>
        <Button onClick={onUpload}>Upload as it is</Button>
        <Button look="primary" disabled={tooLarge} onClick={onUnpack}>
          Unpack here
        </Button>
      </DialogActions>
    </Dialog>
  )
}
