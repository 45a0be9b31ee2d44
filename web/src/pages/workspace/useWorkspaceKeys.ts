import { useEffect, useRef, type RefObject } from 'react'

const STOPS = [
  '[data-view="files"] [role="treeitem"][tabindex="0"]',
  '[data-view="search"] input[type="search"]',
  '[data-pane-root="editor"] textarea, [data-pane-root="editor"] .native-edit-context',
  '[data-pane-root="ports"] [data-testid="tab"][aria-current]',
  '[data-pane-root="terminal"] [data-testid="terminal"] textarea',
]

export interface WorkspaceKeys {
  onSave: () => void
  onSearch: () => void
  onGoToFile: () => void
}

/**
 * Ctrl+S and Ctrl+P work wherever the focus is, but a terminal has its own; Ctrl+Shift+F works everywhere; F6 walks the
 * panes, also out of those that take Tab.
 */
export function useWorkspaceKeys(root: RefObject<HTMLElement | null>, keys: WorkspaceKeys) {
  const latest = useRef(keys)
  useEffect(() => {
    latest.current = keys
  })

  useEffect(() => {
    const onKeyDown = (event: KeyboardEvent) => {
      const inTerminal = event.target instanceof Element && event.target.closest('[data-pane-root="terminal"]') !== null
      const act = shortcut(event, inTerminal)
      if (act) {
        event.preventDefault()
        event.stopPropagation() // Neither editor nor shell makes something else of it.
        latest.current[act]()
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

function shortcut(event: KeyboardEvent, inTerminal: boolean): keyof WorkspaceKeys | null {
  if (!(event.ctrlKey || event.metaKey) || event.altKey) return null
  const key = event.key.toLowerCase()
  if (event.shiftKey) return key === 'f' ? 'onSearch' : null
  if (inTerminal && !event.metaKey) return null
  if (key === 's') return 'onSave'
  return key === 'p' ? 'onGoToFile' : null
}

function focusNextPane(root: HTMLElement | null, step: 1 | -1): void {
  if (!root) return
  const stops = STOPS.map((selector) => root.querySelector<HTMLElement>(selector))
  const here = stops.findIndex((stop) => stop?.closest('[data-view], [data-pane-root]')?.contains(document.activeElement))
  for (let distance = 1; distance <= stops.length; distance++) {
    const stop = stops[(here + step * distance + stops.length * 2) % stops.length]
    if (stop && stop.offsetParent !== null) {
      stop.focus()
      return
    }
  }
}
