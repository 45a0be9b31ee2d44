// A terminal of the workspace page, as a person sees and uses it: rows on a screen, keys on a keyboard.

import type { Page } from 'playwright-core'
import { until } from '../fixtures/until.js'

export class Terminal {
  constructor(
    private readonly page: Page,
    readonly name = 'main',
  ) {}

  private get element() {
    return this.page.locator(`[data-testid^="terminal"][data-name="${this.name}"]`)
  }

  /** Attached, and its shell asks for a command. */
  async isReady(): Promise<void> {
    await this.isAttached()
    await this.shows('a prompt', (rows) => /[$#]$/.test(rows.findLast((row) => row !== '') ?? ''))
  }

  async isAttached(): Promise<void> {
    await this.page.locator(`[data-testid="terminal"][data-name="${this.name}"][data-state="attached"]`).waitFor()
  }

  /** The rows in view, without the blanks at their ends. */
  async rows(): Promise<string[]> {
    const rows = await this.element.locator('.xterm-rows > div').allTextContents()
    return rows.map((row) => row.replaceAll('\u00a0', ' ').trimEnd())
  }

  async type(text: string): Promise<void> {
    await this.element.locator('textarea').focus()
    await this.page.keyboard.type(text)
  }

  async press(key: string): Promise<void> {
    await this.element.locator('textarea').focus()
    await this.page.keyboard.press(key)
  }

  /** As the browser does on Ctrl+V. */
  async paste(text: string): Promise<void> {
    await this.element.locator('textarea').evaluate((area, pasted) => {
      const clipboardData = new DataTransfer()
      clipboardData.setData('text/plain', pasted)
      area.dispatchEvent(new ClipboardEvent('paste', { clipboardData, bubbles: true, cancelable: true }))
    }, text)
  }

  /** Types a command, and does not wait for what it says. */
  async run(command: string): Promise<void> {
    await this.type(command)
    await this.press('Enter')
  }

  /** Runs a command that is to print this row. The row must differ from the command: what is typed is on the screen too. */
  async answers(command: string, row: string): Promise<void> {
    await this.run(command)
    await this.showsRow(row)
  }

  async showsRow(row: string): Promise<void> {
    await this.shows(`the row “${row}”`, (rows) => rows.includes(row))
  }

  async shows(what: string, test: (rows: string[]) => boolean): Promise<void> {
    await until(`${what} in terminal ${this.name}`, async () => test(await this.rows()) || undefined, {
      seen: async () => (await this.rows()).join('\n'),
    })
  }

  /** Somewhere above what is in view; typing leads back down. */
  async hasInScrollback(row: string): Promise<void> {
    await until(
      `the row “${row}” in the scrollback`,
      async () => {
        if ((await this.rows()).includes(row)) return true
        await this.press('Shift+PageUp')
        return undefined
      },
      { seen: async () => (await this.rows()).join('\n') },
    )
  }

  /** What the shell's `$$` is: the same number is the same shell. */
  async shellPid(): Promise<number> {
    const mark = `pid-${Math.random().toString(36).slice(2, 8)}`
    const pattern = new RegExp(`${mark}=(\\d+);`)
    // The quotes keep what is typed from looking like the answer.
    await this.run(`echo ${mark}'='$$';'`)
    return until(`the shell's process id in terminal ${this.name}`, async () => {
      const pid = pattern.exec((await this.rows()).join('\n'))?.[1]
      return pid === undefined ? undefined : Number(pid)
    })
  }
}
