// An instructor in their browser: sets up, creates a workshop, watches it, deletes it.

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { PATIENCE_MS, until } from '../fixtures/until.js'

/** Seats are real, and the machine is busy. */
const SEATS_PATIENCE_MS = 60_000

export class Instructor {
  constructor(readonly page: Page) {}

  async setUp(link: string, password: string): Promise<void> {
    await this.page.goto(link)
    const form = this.page.getByTestId('setup-form')
    await form.getByLabel('Your name').fill('Grace Hopper')
    await form.getByLabel('Password').fill(password)
    await form.getByRole('button').click()
    await this.page.getByRole('heading', { name: 'Workshops', exact: true }).waitFor()
  }

  async createWorkshop(workshop: { name: string; seats: number; apiKey?: string; idleHours?: string }): Promise<void> {
    await this.page.getByTestId('create-workshop').click()
    const form = this.page.getByTestId('create-form')
    await form.getByLabel('Name', { exact: true }).fill(workshop.name)
    await form.getByLabel('Seats').fill(String(workshop.seats))
    const { apiKey, idleHours } = workshop
    if (apiKey !== undefined || idleHours !== undefined) await form.getByText('More options').click()
    if (apiKey !== undefined) await form.getByLabel('API key').fill(apiKey)
    if (idleHours !== undefined) await form.getByLabel('Ends after hours without use').fill(idleHours)
    await form.getByRole('button', { name: 'Create workshop' }).click()
  }

  async seesProgress(): Promise<void> {
    await this.page.getByRole('progressbar').waitFor()
  }

  async seesStatus(status: string): Promise<void> {
    await this.page
      .locator(`[data-testid="workshop"][data-status="${status}"]`)
      .waitFor({ timeout: SEATS_PATIENCE_MS })
  }

  /** What becomes of it when nobody uses it. */
  async seesIdleRule(words: string): Promise<void> {
    await this.page.getByTestId('workshop-idle').getByText(words).waitFor()
  }

  get workshopId(): string {
    const id = /\/workshops\/(ws-[a-z0-9]{8})$/.exec(this.page.url())?.[1]
    assert(id, `${this.page.url()} is no workshop's page`)
    return id
  }

  /** By the button, as people do. */
  async copyJoinLink(): Promise<string> {
    await this.page.context().grantPermissions(['clipboard-read', 'clipboard-write'])
    await this.page.getByTestId('copy-link').click()
    await this.page.getByTestId('copy-link').getByText('Copied').waitFor()
    return this.page.evaluate(() => navigator.clipboard.readText())
  }

  /** The learners on the seats, by seat, once all of these are there. */
  async seesLearners(names: string[], presence: string): Promise<void> {
    const cards = this.page.getByTestId('seat-card')
    await until(
      `${names.join(', ')} to be ${presence} on the dashboard`,
      async () => {
        const texts = await cards.allInnerTexts()
        return names.every((name) => texts.some((text) => text.includes(name) && text.includes(presence))) || undefined
      },
      { patienceMs: PATIENCE_MS, seen: async () => (await cards.allInnerTexts()).join('\n---\n') },
    )
  }

  /** Looks in, and may type. */
  async openSeat(seat: number): Promise<void> {
    await this.page.getByRole('button', { name: `Open seat ${seat}` }).click()
    await this.page.getByTestId('workspace').waitFor()
  }

  /** Looks at the seat's browser, and may not type. */
  async watchBrowser(seat: number): Promise<void> {
    await this.choose(seat, 'Watch its browser')
    await this.page.getByTestId('browser').waitFor()
  }

  async resetSeat(seat: number): Promise<void> {
    await this.chooseForSeat(seat, 'Reset…', 'Reset seat')
  }

  async undoReset(seat: number): Promise<void> {
    await this.page.getByRole('button', { name: `Undo reset of seat ${seat}` }).click()
    await this.page.getByRole('alertdialog').getByRole('button', { name: 'Undo the reset' }).click()
  }

  async lockSeat(seat: number): Promise<void> {
    await this.choose(seat, 'Lock')
    await this.page.getByTestId('seat-locked').waitFor()
  }

  async unlockSeat(seat: number): Promise<void> {
    await this.choose(seat, 'Unlock')
    await this.page.getByTestId('seat-locked').waitFor({ state: 'detached' })
  }

  /** By the dialog; to the minute. */
  async setEnd(moment: Date): Promise<void> {
    await this.page.getByTestId('change-end').click()
    await this.page.getByText('Choose a time…').click()
    const dialog = this.page.getByTestId('end-dialog')
    const here = new Date(moment.getTime() - moment.getTimezoneOffset() * 60_000)
    await dialog.getByLabel('Ends at').fill(here.toISOString().slice(0, 16))
    await dialog.getByRole('button', { name: 'Set the end' }).click()
    await dialog.waitFor({ state: 'detached' })
  }

  async releaseSeat(seat: number): Promise<void> {
    await this.chooseForSeat(seat, 'Release…', 'Release seat')
  }

  private async choose(seat: number, action: string): Promise<void> {
    await this.page.getByRole('button', { name: `Actions for seat ${seat}` }).click()
    // Cards have buttons of the same words.
    await this.page.getByRole('menuitem', { name: action, exact: true }).click()
  }

  private async chooseForSeat(seat: number, action: string, confirmation: string): Promise<void> {
    await this.choose(seat, action)
    await this.page.getByRole('alertdialog').getByRole('button', { name: confirmation }).click()
  }

  async deleteWorkshop(): Promise<void> {
    await this.page.getByTestId('delete-workshop').click()
    await this.page.getByTestId('delete-dialog').getByRole('button', { name: 'Delete workshop' }).click()
    await this.page.getByTestId('workshop-gone').waitFor({ timeout: SEATS_PATIENCE_MS })
  }
}
