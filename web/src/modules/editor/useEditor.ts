import { useEffect, useState, useSyncExternalStore } from 'react'
import { loadPart } from '../../api/parts'
import type { SeatAddress } from '../../api/seat'
import { seatStorage } from '../auth/seatStorage'
import type { SeatRecord } from '../auth/seatRecords'
import { EditorStore, fileCalls } from './editorStore'
import type { MonacoBuffers } from './monacoBuffers'

export type SeatEditor = EditorStore<MonacoBuffers>

function makeEditor(record: SeatRecord, address: SeatAddress, onWritten: () => void): SeatEditor {
  const store: SeatEditor = new EditorStore(
    fileCalls(address),
    seatStorage(record),
    async () => {
      const { MonacoBuffers } = await loadPart(() => import('./monacoBuffers'))
      return new MonacoBuffers((path, dirty) => store.edited(path, dirty))
    },
    onWritten,
  )
  return store
}

/** The page's one editor; `record` is read once. */
export function useEditor(record: SeatRecord, onWritten: () => void) {
  const [editor] = useState(() => makeEditor(record, record, onWritten))
  const documents = useSyncExternalStore(editor.subscribe, editor.getState)

  useEffect(() => {
    const onLeave = (event: BeforeUnloadEvent) => {
      if (editor.hasUnsaved) event.preventDefault()
    }
    const onLook = () => {
      if (!document.hidden) void editor.catchUp()
    }
    window.addEventListener('beforeunload', onLeave)
    document.addEventListener('visibilitychange', onLook)
    return () => {
      window.removeEventListener('beforeunload', onLeave)
      document.removeEventListener('visibilitychange', onLook)
    }
  }, [editor])

  return { editor, documents }
}
