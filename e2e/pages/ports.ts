// The Ports view of a workspace page: what listens, shown in a frame or in a tab, opened to the class.

import type { FrameLocator, Locator, Page } from 'playwright-core'

export class Ports {
  constructor(private readonly page: Page) {}

  async open(): Promise<void> {
    await this.page.getByTestId('pane-ports').click()
    await this.page.getByTestId('ports').waitFor()
  }

  row(port: number): Locator {
    return this.page.getByTestId(`port-${port}`)
  }

  /** The tab strip's first tab. */
  async showList(): Promise<void> {
    await this.page.getByTestId('ports').locator('[data-tab="list"]').click()
  }

  async showHere(port: number): Promise<FrameLocator> {
    await this.showList()
    await this.row(port).getByRole('button', { name: `Show here: port ${port}` }).click()
    return this.page.frameLocator(`[data-testid="port-frame-${port}"]`)
  }

  /** By the field, also where nothing listens yet. */
  async showOther(port: number): Promise<FrameLocator> {
    await this.showList()
    await this.page.getByLabel('Another port').fill(String(port))
    await this.page.keyboard.press('Enter')
    return this.page.frameLocator(`[data-testid="port-frame-${port}"]`)
  }

  async openInTab(port: number): Promise<Page> {
    await this.showList()
    const tab = this.page.context().waitForEvent('page')
    await this.row(port)
      .getByRole('link', { name: `In a tab: port ${port}` })
      .click()
    return tab
  }

  async setOpenToClass(port: number, open: boolean): Promise<void> {
    await this.showList()
    await this.row(port).getByRole('checkbox').setChecked(open)
  }
}
