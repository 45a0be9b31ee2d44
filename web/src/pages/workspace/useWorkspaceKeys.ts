import { useEffect, useRef, type RefObject } from 'react'

const STOPS = [
  '[data-pane-root="files"] [role="treeitem"][tabindex="0"]',
  '[data-pane-root="editor"] textarea, [data-pane-root="editor"] .native-edit-context',
  '[data-pane-root="ports"] [data-testid="tab"][aria-current]',
  '[data-pane-root="terminal"] [data-testid="terminal"] textarea',
]

/** Ctrl+S saves wherever the focus is (but a terminal has its own Ctrl+S); F6 walks the panes, also out of those that take Tab. */
export function useWorkspaceKeys(root: RefObject<HTMLElement | null>, onSave: () => void) {
  const save = useRef(onSave)
  useEffect(() => {
    save.current = onSave
  })

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const inTerminal = event.target instanceof Element && event.target.closest('[data-pane-root="terminal"]') !== null
      const isSave =
        (event.ctrlKey || event.metaKey) && !event.shiftKey && !event.altKey && event.key.toLowerCase() === 's'
      if (isSave && !inTerminal) {
        event.preventDefault()
        save.current()
      }
      if (event.key === 'F6') {
        event.preventDefault()
        focusNextPane(root.current, event.shiftKey ? -1 : 1)
      }
    }
    window.addEventListener('keydown', onKeyDown, { capture: true })
    return () => window.removeEventListener('keydown', onKeyDown, { capture: true })
  }, [root])
}

function focusNextPane(root: HTMLElement | null, step: 1 | -1): void {
  if (!root) return
  const stops = STOPS.map((selector) => root.querySelector<HTMLElement>(selector))
  const here = stops.findIndex((stop) => stop?.closest('[data-pane-root]')?.contains(document.activeElement))
  for (let distance = 1; distance <= stops.length; distance++) {
    const stop = stops[(here + step * distance + stops.length * 2) % stops.length]
    if (stop && stop.offsetParent !== null) {
      stop.focus()
      return
    }
  }
}
