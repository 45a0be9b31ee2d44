// xterm.js, made once for each terminal and never again. Lazy: only TerminalView imports this, when it is shown.
//
// A view-only terminal registers no handler that bytes from the seat could set off: no input, no answers to queries, no
// clipboard (OSC 52), no titles, no links. The learner may have replaced the server inside; this page is the lock.

import { FitAddon } from '@xterm/addon-fit'
import { Unicode11Addon } from '@xterm/addon-unicode11'
import { WebLinksAddon } from '@xterm/addon-web-links'
import { Terminal, type ITheme } from '@xterm/xterm'
import '@xterm/xterm/css/xterm.css'
import type { Size } from './protocol'
import type { Emulator } from './socket'

const CANCEL_AND_FULL_RESET = new Uint8Array([0x18, 0x1b, 0x63])
const NOTHING = new Uint8Array(0)
const SMALLEST: Size = { cols: 20, rows: 4 }

const THEME: ITheme = {
  background: '#11161b',
  foreground: '#dde4ea',
  cursor: '#4fd1bf',
  cursorAccent: '#11161b',
  selectionBackground: '#35505c',
  black: '#2a323a',
  red: '#f2777a',
  green: '#8fd19e',
  yellow: '#f0c674',
  blue: '#82b1ff',
  magenta: '#d3a4f9',
  cyan: '#63d3d0',
  white: '#dde4ea',
  brightBlack: '#8594a1',
  brightRed: '#ff9a9c',
  brightGreen: '#b1e8bc',
  brightYellow: '#ffdd94',
  brightBlue: '#a9c9ff',
  brightMagenta: '#e5c5ff',
  brightCyan: '#8fece8',
  brightWhite: '#ffffff',
}

export type TerminalKey = 'escape' | 'tab' | 'interrupt' | 'up' | 'down' | 'left' | 'right'

const CODES: Record<TerminalKey, string> = {
  escape: '\x1b',
  tab: '\t',
  interrupt: '\x03',
  up: 'A',
  down: 'B',
  left: 'D',
  right: 'C',
}

export interface XtermEmulator extends Emulator {
  /** As if the key had been pressed. */
  press(key: TerminalKey): void
  focus(): void
  /** The size that the container has room for, or null while it is not shown. */
  proposedSize(): Size | null
  dispose(): void
}

export function createEmulator(
  container: HTMLElement,
  options: { label: string; mode: 'view' | 'control'; onInput: (bytes: Uint8Array<ArrayBuffer>) => void },
): XtermEmulator {
  const controls = options.mode === 'control'
  const terminal = new Terminal({
    allowProposedApi: true, // Unicode 11 widths, as the seat counts them.
    disableStdin: !controls,
    fontFamily: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
    fontSize: 13,
    lineHeight: 1.15,
    linkHandler: { activate: (_, uri) => (controls ? openLink(uri) : undefined) },
    macOptionIsMeta: true,
    minimumContrastRatio: 4.5,
    scrollback: 5000,
    theme: THEME,
  })
  const fit = new FitAddon()
  terminal.loadAddon(fit)
  terminal.loadAddon(new Unicode11Addon())
  terminal.unicode.activeVersion = '11'
  terminal.open(container)
  terminal.textarea?.setAttribute('aria-label', options.label)

  if (controls) {
    const encoder = new TextEncoder()
    terminal.onData((text) => options.onInput(encoder.encode(text)))
    terminal.onBinary((text) => options.onInput(Uint8Array.from(text, (character) => character.charCodeAt(0) & 0xff)))
    terminal.loadAddon(new WebLinksAddon((_, uri) => openLink(uri)))
  }
  terminal.attachCustomKeyEventHandler((event) => handleKey(terminal, event))

  let pending = 0
  const write = (bytes: Uint8Array, done: () => void) => {
    pending += 1
    terminal.write(bytes, () => {
      pending -= 1
      done()
    })
  }
  const room = (): Size | null => {
    if (container.clientWidth === 0 || container.clientHeight === 0) return null
    const proposed = fit.proposeDimensions()
    if (!proposed || Number.isNaN(proposed.cols) || Number.isNaN(proposed.rows)) return null
    return { cols: Math.max(proposed.cols, SMALLEST.cols), rows: Math.max(proposed.rows, SMALLEST.rows) }
  }
  // The terminal may be larger than this panel, when somebody else typed last: then the panel scrolls.
  const scrollIfTooLarge = (size: Size | null) => {
    const tooLarge = size !== null && (terminal.cols > size.cols || terminal.rows > size.rows)
    container.style.overflow = tooLarge ? 'auto' : ''
  }
  const resizeTo = ({ cols, rows }: Size) => {
    if (cols !== terminal.cols || rows !== terminal.rows) terminal.resize(cols, rows)
    scrollIfTooLarge(room())
  }

  return {
    get size() {
      return { cols: terminal.cols, rows: terminal.rows }
    },
    write,
    // As bytes, so that it keeps its place among what is still queued.
    reset: () => write(CANCEL_AND_FULL_RESET, () => undefined),
    resize: (size) => (pending === 0 ? resizeTo(size) : write(NOTHING, () => resizeTo(size))),
    press: (key) => {
      const code = CODES[key]
      const isArrow = code >= 'A' && code <= 'D'
      const prefix = terminal.modes.applicationCursorKeysMode ? '\x1bO' : '\x1b['
      terminal.input(isArrow ? prefix + code : code)
    },
    focus: () => terminal.focus(),
    proposedSize: () => {
      const size = room()
      scrollIfTooLarge(size)
      return size
    },
    dispose: () => terminal.dispose(),
  }
}

/** `false`: not for the shell. Copying works by execCommand, which plain http by address has too. */
function handleKey(terminal: Terminal, event: KeyboardEvent): boolean {
  if (event.key === 'F6') return false // Moves between the panes: the way out of a terminal that takes Tab.
  const command = event.ctrlKey && !event.altKey && !event.metaKey
  if (!command) return true
  const key = event.key.toLowerCase()
  if (key === 'v') return false // The browser pastes.
  if (key === 'c' && (event.shiftKey || terminal.hasSelection())) {
    if (event.type === 'keydown') {
      event.preventDefault()
      document.execCommand('copy')
      if (!event.shiftKey) terminal.clearSelection()
    }
    return false
  }
  return true
}

function openLink(uri: string): void {
  if (/^https?:\/\//i.test(uri)) window.open(uri, '_blank', 'noopener,noreferrer')
}
