// A learner in their browser: joins, and works on the workspace page.

import type { Page } from 'playwright-core'
import { Terminal } from './terminal.js'

export class Learner {
  readonly terminal: Terminal

  constructor(
    readonly page: Page,
    readonly name: string,
  ) {
    this.terminal = new Terminal(page)
  }

  /** Fills in what the link left open and goes on. */
  async tryToJoin(link: string, reconnectCode?: string): Promise<void> {
    await this.page.goto(link)
    const form = this.page.getByTestId('join-form')
    await form.getByLabel('Your name').fill(this.name)
    if (reconnectCode !== undefined) {
      await form.getByText('I joined before').click()
      await form.getByLabel('Reconnect code').fill(reconnectCode)
    }
    await form.getByRole('button', { name: 'Join' }).click()
  }

  async join(link: string, reconnectCode?: string): Promise<void> {
    await this.tryToJoin(link, reconnectCode)
    await this.isInWorkspace()
    await this.terminal.isReady()
  }

  async isInWorkspace(): Promise<void> {
    await this.page.getByTestId('workspace').waitFor()
  }

  get seat(): number {
    return Number(/\/seat\/[^/]+\/(\d+)/.exec(this.page.url())?.[1])
  }

  async reload(): Promise<void> {
    await this.page.reload()
    await this.isInWorkspace()
    await this.terminal.isAttached()
  }

  /** Makes a file in the tree and leaves it open in the editor. */
  async createFile(name: string): Promise<void> {
    await this.page.getByTestId('file-new').click()
    await this.page.getByTestId('file-name-input').fill(name)
    await this.page.keyboard.press('Enter')
    await this.page.locator(`[data-testid="editor"][data-path="${name}"] .view-lines`).waitFor()
  }

  async openFile(name: string): Promise<void> {
    await this.treeItem(name).click()
    await this.page.locator(`[data-testid="editor"][data-path="${name}"] .view-lines`).waitFor()
  }

  /** Into the open file, where a click puts the cursor: at the end of a short one. */
  async write(text: string): Promise<void> {
    await this.page.getByTestId('editor').locator('.view-lines').click()
    await this.page.keyboard.type(text)
    await this.page.locator('[data-testid="editor"][data-dirty]').waitFor()
  }

  async writeAndSave(text: string): Promise<void> {
    await this.write(text)
    await this.page.keyboard.press('Control+s')
    await this.hasSaved()
  }

  async hasSaved(): Promise<void> {
    await this.page.locator('[data-testid="editor"]:not([data-dirty])').waitFor()
  }

  treeItem(name: string) {
    return this.page.getByTestId('file-item').filter({ has: this.page.getByText(name, { exact: true }) })
  }

  /** A further terminal, in front. */
  async newTerminal(): Promise<Terminal> {
    await this.page.getByTestId('terminal-new').click()
    const shown = this.page.locator('[data-testid="terminal"]:not([data-name="main"])')
    await shown.waitFor()
    const terminal = new Terminal(this.page, (await shown.getAttribute('data-name')) ?? '')
    await terminal.isReady()
    return terminal
  }

  async chooseTerminal(terminal: Terminal): Promise<void> {
    await this.page.locator(`[data-testid="tab"][data-tab="${terminal.name}"]`).click()
    await terminal.isAttached()
  }

  async reconnectCode(): Promise<string> {
    await this.page.getByTestId('seat-menu').click()
    const code = await this.page.getByTestId('reconnect-code').innerText()
    await this.page.keyboard.press('Escape')
    return code.trim()
  }

  async seesTheEnd(): Promise<void> {
    await this.page.getByTestId('seat-ended').waitFor()
  }
}
