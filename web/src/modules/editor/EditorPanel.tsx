import { useEffect, useRef, useState } from 'react'
import { fileUrl } from '../../api/files'
import type { SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { Dialog, DialogActions } from '../../components/Dialog'
import { Icon } from '../../components/Icon'
import { Loading, State } from '../../components/State'
import { TabStrip } from '../../components/TabStrip'
import { Tooltip } from '../../components/Tooltip'
import { CompareView } from './CompareView'
import { DocumentNotice } from './DocumentNotice'
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
  const [comparing, setComparing] = useState<string | null>(null)
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
        if (!isWritingElsewhere(document.activeElement)) buffers.focus()
      },
      () => undefined,
    )
  }, [editor, shownPath])

  // Over with the conflict that it was about.
  const compared = shownPath !== null && comparing === shownPath && active?.conflict?.etag ? shownPath : null

  function close(path: string) {
    const document = documents.open.find((other) => other.path === path)
    if (document?.dirty || document?.removed) setClosing(path)
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
            gone: document.removed ? '(removed)' : undefined,
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
                  disabled={!active.dirty && !active.removed}
                  onClick={() => void editor.save(active.path)}
                >
                  {!active.saving && <Icon name="save" />}
                </Button>
              </Tooltip>
            )
          }
        />
      )}
      {active && (
        <DocumentNotice
          document={active}
          editor={editor}
          canChange={canChange}
          isComparing={compared !== null}
          onCompare={(on) => setComparing(on ? active.path : null)}
        />
      )}
      <div className={styles.body}>
        <div
          ref={host}
          className={styles.host}
          data-testid="editor"
          data-path={shownPath ?? undefined}
          data-dirty={active?.dirty || undefined}
          hidden={shownPath === null || compared !== null}
        />
        {compared !== null && (
          <CompareView key={`${compared} ${active?.conflict?.etag}`} editor={editor} path={compared} readOnly={!canChange} />
        )}
        {shownPath === null && <Instead address={address} editor={editor} document={active} canChange={canChange} />}
      </div>

      <Dialog
        open={closing !== null}
        onOpenChange={(open) => !open && setClosing(null)}
        role="alertdialog"
        title="Close without saving?"
        description={
          <>
            The text of <bdi>{closing}</bdi> is not saved on your seat.
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
            Discard it
          </Button>
        </DialogActions>
      </Dialog>
    </section>
  )
}

/** A file that opens by itself, after a reload, takes the focus from nobody. */
function isWritingElsewhere(element: Element | null): boolean {
  const isField = element?.matches('input, textarea, [contenteditable]') ?? false
  return isField && element?.closest('[data-testid="editor"]') === null
}

function Instead({
  address,
  editor,
  document,
  canChange,
}: {
  address: SeatAddress
  editor: SeatEditor
  document: Document | undefined
  canChange: boolean
}) {
  if (!document) {
    return (
      <State title="No file is open">
        {canChange ? 'Choose a file from the list, or make a new one. ' : 'Choose a file from the list to read it.'}
        {canChange && <span className={styles.keys}>Ctrl+S saves what you write.</span>}
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
