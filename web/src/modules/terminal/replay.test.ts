// What the seat's terminal model makes of output, drawn by xterm.js itself: after a reload the screen has to be the one
// that was there. The cases are written by the model's own tests (crates/clarateach-workspace, `fixtures`).

import { Unicode11Addon } from '@xterm/addon-unicode11'
import { Terminal, type IBuffer, type IBufferCell } from '@xterm/headless'
import { describe, expect, it } from 'vitest'
import lines from './replays/cases.jsonl?raw'

interface Case {
  name: string
  cols: number
  rows: number
  output: string
  cuts: { at: number; replay: string }[]
}

/** What the seat keeps; the page keeps more. */
const HISTORY_LINES = 1000

const cases = lines
  .trim()
  .split('\n')
  .map((line) => JSON.parse(line) as Case)

describe('a replay', () => {
  it.each(cases)('draws the screen of $name', async ({ cols, rows, output, cuts }) => {
    const bytes = decode(output)
    for (const { at, replay } of cuts) {
      const live = await drawn(cols, rows, bytes.subarray(0, at))
      const redrawn = await drawn(cols, rows, decode(replay))
      expect(state(redrawn)).toEqual(state(live))
      // What comes next continues a sequence or a character that was cut, and meets the same modes.
      await write(live, bytes.subarray(at))
      await write(redrawn, bytes.subarray(at))
      expect(state(redrawn)).toEqual(state(live))
      live.dispose()
      redrawn.dispose()
    }
  })
})

function decode(base64: string): Uint8Array {
  return Uint8Array.from(atob(base64), (character) => character.charCodeAt(0))
}

async function drawn(cols: number, rows: number, bytes: Uint8Array): Promise<Terminal> {
  const terminal = new Terminal({ cols, rows, scrollback: 5000, allowProposedApi: true, logLevel: 'off' })
  terminal.loadAddon(new Unicode11Addon())
  terminal.unicode.activeVersion = '11'
  await write(terminal, bytes)
  return terminal
}

function write(terminal: Terminal, bytes: Uint8Array): Promise<void> {
  return new Promise((resolve) => terminal.write(bytes, resolve))
}

function state(terminal: Terminal): string[] {
  const { active, normal } = terminal.buffer
  return [
    `cursor ${active.cursorX},${active.cursorY} on ${active.type}`,
    JSON.stringify(terminal.modes),
    ...rowsOf(terminal, normal),
    ...(active === normal ? [] : rowsOf(terminal, active)),
  ]
}

function rowsOf(terminal: Terminal, buffer: IBuffer): string[] {
  const rows: string[] = []
  for (let y = Math.max(0, buffer.baseY - HISTORY_LINES); y < buffer.length; y++) {
    const line = buffer.getLine(y)
    let text = line?.isWrapped && y > 0 ? '+' : '|'
    let style = ''
    for (let x = 0; x < terminal.cols; x++) {
      const cell = line?.getCell(x)
      if (!cell) continue
      const next = styleOf(cell)
      if (next !== style) text += `<${next}>`
      style = next
      text += cell.getChars() || (cell.getWidth() === 0 ? '»' : '·')
    }
    rows.push(text.replace(/·+$/, ''))
  }
  return rows
}

function styleOf(cell: IBufferCell): string {
  const background = `${cell.getBgColorMode()}:${cell.getBgColor()}`
  const shown = cell.isInverse() || cell.isUnderline() || cell.isStrikethrough() || cell.isOverline()
  // Where there is nothing, only the background shows.
  if (!cell.getChars() && !shown) return background
  const flags = [
    cell.isBold(),
    cell.isDim(),
    cell.isItalic(),
    cell.isBlink(),
    cell.isInverse(),
    cell.isInvisible(),
    cell.isStrikethrough(),
    cell.isOverline(),
    cell.isUnderline(),
  ]
  return `${background} ${cell.getFgColorMode()}:${cell.getFgColor()} ${flags.map((flag) => (flag ? 1 : 0)).join('')}`
}
