import { useEffect, useRef, useState } from 'react'
import { fileUrl } from '../../api/files'
import type { SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { Dialog, DialogActions } from '../../components/Dialog'
import { Icon } from '../../components/Icon'
import { Notice } from '../../components/Notice'
import { Loading, State } from '../../components/State'
import { TabStrip } from '../../components/TabStrip'
import { Tooltip } from '../../components/Tooltip'
import type { Document, Documents } from './documents'
import type { SeatEditor } from './useEditor'
import styles from './EditorPanel.module.css'

interface Props {
  address: SeatAddress
  editor: SeatEditor
  documents: Documents
  canChange: boolean
}

export function EditorPanel({ address, editor, documents, canChange }: Props) {
  const host = useRef<HTMLDivElement>(null)
  const [closing, setClosing] = useState<string | null>(null)
  const active = documents.open.find((document) => document.path === documents.active)
  const hasDocuments = documents.open.length > 0

  // The widget is made with the first file and stays.
  useEffect(() => {
    if (!hasDocuments) return
    let left = false
    editor.ready().then(
      (buffers) => {
        if (host.current && !left) {
          buffers.mount(host.current, !canChange)
          buffers.show(editor.getState().active)
        }
      },
      () => undefined, // The file that asked for it says what is wrong.
    )
    return () => {
      left = true
    }
  }, [editor, hasDocuments, canChange])

  useEffect(
    () => () => {
      void editor.loaded?.then(
        (buffers) => buffers.unmount(),
        () => undefined,
      )
    },
    [editor],
  )

  const shownPath = active?.status === 'ready' ? active.path : null
  useEffect(() => {
    if (shownPath === null) return
    void editor.ready().then(
      (buffers) => {
        buffers.show(shownPath)
        if (!isInTerminal(document.activeElement)) buffers.focus()
      },
      () => undefined,
    )
  }, [editor, shownPath])

  function close(path: string) {
    const document = documents.open.find((other) => other.path === path)
    if (document?.dirty) setClosing(path)
    else editor.close(path)
  }

  return (
    <section className={styles.panel} aria-label="Editor">
      {hasDocuments && (
        <TabStrip
          label="Open files"
          tabs={documents.open.map((document) => ({
            id: document.path,
            label: document.path.slice(document.path.lastIndexOf('/') + 1),
            title: document.path,
            dirty: document.dirty,
            canClose: true,
            closeLabel: `Close ${document.path}`,
          }))}
          active={documents.active}
          onActivate={(path) => editor.activate(path)}
          onClose={close}
          actions={
            active?.status === 'ready' &&
            canChange && (
              <Tooltip text="Save (Ctrl+S)">
                <Button
                  look="quiet"
                  size="icon"
                  aria-label="Save"
                  data-testid="editor-save"
                  busy={active.saving}
                  disabled={!active.dirty}
                  onClick={() => void editor.save(active.path)}
                >
                  {!active.saving && <Icon name="save" />}
                </Button>
              </Tooltip>
            )
          }
        />
      )}
      {active && <DocumentNotice document={active} editor={editor} />}
      <div className={styles.body}>
        <div
          ref={host}
          className={styles.host}
          data-testid="editor"
          data-path={shownPath ?? undefined}
          data-dirty={active?.dirty || undefined}
          hidden={shownPath === null}
        />
        {shownPath === null && <Instead address={address} editor={editor} document={active} />}
      </div>

      <Dialog
        open={closing !== null}
        onOpenChange={(open) => !open && setClosing(null)}
        role="alertdialog"
        title="Close without saving?"
        description={
          <>
            <bdi>{closing}</bdi> has changes that are not saved on your seat.
          </>
        }
      >
        <DialogActions>
          <Button onClick={() => setClosing(null)}>Keep editing</Button>
          <Button
            look="danger"
            onClick={() => {
              if (closing !== null) editor.close(closing)
              setClosing(null)
            }}
          >
            Discard changes
          </Button>
        </DialogActions>
      </Dialog>
    </section>
  )
}

/** A file that opens by itself, after a reload, takes the focus from nobody. */
function isInTerminal(element: Element | null): boolean {
  return (element?.closest('[data-testid="terminal"]') ?? null) !== null
}

function DocumentNotice({ document, editor }: { document: Document; editor: SeatEditor }) {
  const { path, conflict, saveError, saving } = document
  if (conflict) {
    return (
      <Notice
        tone="warn"
        testId="editor-conflict"
        action={
          <>
            <Button size="small" busy={saving} onClick={() => void editor.save(path, true)}>
              {conflict.etag === null ? 'Write it again' : 'Overwrite with mine'}
            </Button>
            {conflict.etag !== null && (
              <Button size="small" onClick={() => void editor.reload(path)}>
                Load theirs, drop mine
              </Button>
            )}
          </>
        }
      >
        {conflict.etag === null
          ? 'Not saved: this file is no longer on your seat. Your text is kept here.'
          : 'Not saved: this file has changed on your seat since you opened it. Your text is kept here.'}
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
  return null
}

function Instead({
  address,
  editor,
  document,
}: {
  address: SeatAddress
  editor: SeatEditor
  document: Document | undefined
}) {
  if (!document) {
    return (
      <State title="No file is open">
        Choose a file from the list, or make a new one. Ctrl+S saves what you write.
      </State>
    )
  }
  switch (document.status) {
    case 'ready':
    case 'loading':
      return <Loading label={`Opening ${document.path}…`} />
    case 'declined':
      return (
        <State
          title="Not for the editor"
          testId="editor-declined"
          action={
            <>
              <a className={styles.download} href={fileUrl(address, document.path)} download rel="noreferrer">
                <Icon name="download" /> Download
              </a>
              <Button onClick={() => editor.close(document.path)}>Close</Button>
            </>
          }
        >
          {document.message}
        </State>
      )
    case 'failed':
      return (
        <State
          title="This file did not open"
          action={
            <>
              <Button onClick={() => void editor.open(document.path)}>Try again</Button>
              <Button onClick={() => editor.close(document.path)}>Close</Button>
            </>
          }
        >
          {document.message}
        </State>
      )
  }
}
