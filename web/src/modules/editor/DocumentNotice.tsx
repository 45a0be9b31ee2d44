import { Button } from '../../components/Button'
import { Notice } from '../../components/Notice'
import type { Document } from './documents'
import type { SeatEditor } from './useEditor'

interface Props {
  document: Document
  editor: SeatEditor
  canChange: boolean
  isComparing: boolean
  onCompare: (on: boolean) => void
}

/** What stands between a text and its file, above the text. */
export function DocumentNotice({ document, editor, canChange, isComparing, onCompare }: Props) {
  const { path, conflict, removed, saveError, saving } = document
  if (!canChange) return null
  if (conflict) {
    const again = conflict.etag === null
    return (
      <Notice
        tone="warn"
        testId="editor-conflict"
        action={
          again ? (
            <Button size="small" busy={saving} onClick={() => void editor.save(path, true)}>
              Write it again
            </Button>
          ) : (
            <>
              <Button size="small" onClick={() => void editor.reload(path)}>
                Show theirs
              </Button>
              <Button
                size="small"
                busy={saving}
                onClick={() => (conflict.met === 'saving' ? void editor.save(path, true) : editor.keepMine(path))}
              >
                {conflict.met === 'saving' ? 'Overwrite with mine' : 'Keep mine'}
              </Button>
              <Button size="small" onClick={() => onCompare(!isComparing)}>
                {isComparing ? 'Back to mine' : 'Compare'}
              </Button>
            </>
          )
        }
      >
        {again
          ? 'Not saved: this file is no longer on your seat. Your text is kept here.'
          : conflict.met === 'saving'
            ? 'Not saved: this file has changed on your seat since you opened it. Your text is kept here.'
            : 'This file has changed on your seat while you were editing it. Your text is kept here.'}
      </Notice>
    )
  }
  if (saveError !== undefined) {
    return (
      <Notice
        tone="error"
        testId="editor-save-error"
        action={
          <Button size="small" onClick={() => void editor.save(path)}>
            Save again
          </Button>
        }
      >
        Not saved: {saveError} Your text is kept here.
      </Notice>
    )
  }
  if (removed) {
    return (
      <Notice
        tone="warn"
        testId="editor-removed"
        action={
          <Button size="small" busy={saving} onClick={() => void editor.save(path)}>
            Save it again
          </Button>
        }
      >
        This file was removed from your seat. Its text is kept here.
      </Notice>
    )
  }
  return null
}
