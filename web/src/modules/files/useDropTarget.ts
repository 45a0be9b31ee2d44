import { useEffect, useState, type DragEvent } from 'react'
import { hasFiles } from './dropped'
import { parentOf, ROOT } from './tree'

/** Files dropped on a tree: which folder is aimed at, and what to do when they are let go. */
export function useDropTarget(enabled: boolean, onDrop: (folder: string, transfer: DataTransfer) => void) {
  const [target, setTarget] = useState<string | null>(null)

  // A drop that misses would open the file in this tab, and the workspace would be gone.
  useEffect(() => {
    const onMissed = (event: globalThis.DragEvent) => {
      if (event.defaultPrevented || !hasFiles(event.dataTransfer)) return
      event.preventDefault()
      if (event.dataTransfer) event.dataTransfer.dropEffect = 'none'
    }
    window.addEventListener('dragover', onMissed)
    window.addEventListener('drop', onMissed)
    return () => {
      window.removeEventListener('dragover', onMissed)
      window.removeEventListener('drop', onMissed)
    }
  }, [])

  if (!enabled) return { target: null, handlers: {} }
  return {
    target,
    handlers: {
      onDragOver: (event: DragEvent) => {
        if (!hasFiles(event.dataTransfer)) return
        event.preventDefault()
        event.dataTransfer.dropEffect = 'copy'
        setTarget(folderAt(event.target))
      },
      onDragLeave: (event: DragEvent<HTMLElement>) => {
        const { relatedTarget } = event
        if (!(relatedTarget instanceof Node && event.currentTarget.contains(relatedTarget))) setTarget(null)
      },
      onDrop: (event: DragEvent) => {
        if (!hasFiles(event.dataTransfer)) return
        event.preventDefault()
        setTarget(null)
        onDrop(folderAt(event.target), event.dataTransfer)
      },
    },
  }
}

/** The folder under the pointer, or the one that holds the file under it. */
function folderAt(element: EventTarget): string {
  const row = element instanceof Element ? element.closest<HTMLElement>('[data-path]') : null
  const { path, kind } = row?.dataset ?? {}
  if (path === undefined) return ROOT
  return kind === 'directory' ? path : parentOf(path)
}
