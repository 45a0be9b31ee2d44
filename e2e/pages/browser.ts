// The panel of a seat's browser, as a person uses it: a picture, a mouse and a keyboard.

import assert from 'node:assert/strict'
import type { Locator, Page } from 'playwright-core'
import { until } from '../fixtures/until.js'

/** Firefox starts in a new container, and the machine is busy. */
const START_PATIENCE_MS = 90_000

export type Colour = readonly [red: number, green: number, blue: number]

export class BrowserPanel {
  constructor(readonly page: Page) {}

  get frame(): Locator {
    return this.page.getByTestId('browser-frame')
  }

  async open(): Promise<void> {
    await this.page.getByTestId('pane-browser').click()
    await this.page.getByTestId('browser').waitFor()
  }

  /** The stream runs, and its page talks to the panel. */
  async isThere(): Promise<void> {
    await this.page
      .locator('[data-testid="browser-quality"]:not([data-quality="unknown"], [data-quality="lost"])')
      .waitFor({ timeout: START_PATIENCE_MS })
  }

  /** By the button that names the only server, or by the menu. */
  async openPort(port: number): Promise<void> {
    await this.page.getByTestId(`browser-open-${port}`).click()
  }

  /** At these places, in shares of the frame's width and height. */
  async shows(
    what: string,
    places: readonly { at: readonly [number, number]; colour: Colour }[],
    patienceMs = START_PATIENCE_MS,
  ): Promise<void> {
    let seen: Colour[] = []
    await until(
      `${what} in the picture`,
      async () => {
        seen = await this.coloursAt(places.map(({ at }) => at))
        return places.every(({ colour }, place) => isLike(seen[place], colour)) || undefined
      },
      { patienceMs, seen: () => JSON.stringify(seen) },
    )
  }

  /** How the picture comes: `h264` as video, `jpeg` as single images. */
  async encoder(): Promise<string> {
    const handle = await this.frame.elementHandle()
    const frame = await handle?.contentFrame()
    assert(frame, 'there is no frame')
    return frame.evaluate(() => String((window as { stream_client?: { codec?: unknown } }).stream_client?.codec))
  }

  /** By the dialog, where a page may not do it by itself. */
  async putOnClipboard(text: string): Promise<void> {
    await this.page.getByTestId('browser-clipboard').click()
    const dialog = this.page.getByTestId('browser-clipboard-dialog')
    await dialog.getByLabel('To the seat’s browser').fill(text)
    await dialog.getByRole('button', { name: 'Put it there' }).click()
    await dialog.waitFor({ state: 'detached' })
  }

  /** What was copied there last, once it is this. */
  async hasCopied(text: string): Promise<void> {
    await this.page.getByTestId('browser-clipboard').click()
    const dialog = this.page.getByTestId('browser-clipboard-dialog')
    let seen = ''
    await until(
      'what was copied',
      async () => (seen = await dialog.getByLabel('Last copied there').inputValue()) === text || undefined,
      { seen: () => seen },
    )
    await dialog.getByRole('button', { name: 'Close' }).first().click()
    await dialog.waitFor({ state: 'detached' })
  }

  /** Of the frame that people see, in pixels of the page. */
  async size(): Promise<{ width: number; height: number }> {
    const box = await this.frame.boundingBox()
    assert(box, 'there is no frame')
    return { width: Math.round(box.width), height: Math.round(box.height) }
  }

  /** Along a level line, in shares of the frame's width and height: each point's brightness, of 255. */
  async brightness(y: number, from: number, points: number): Promise<number[]> {
    const { width } = await this.size()
    const places = Array.from({ length: points }, (_, index) => [from + (index + 0.5) / width, y] as const)
    return (await this.coloursAt(places)).map((colour) => colour.reduce((sum, part) => sum + part, 0) / 3)
  }

  async click(x: number, y: number): Promise<void> {
    const box = await this.frame.boundingBox()
    assert(box, 'there is no frame')
    await this.page.mouse.click(box.x + x * box.width, box.y + y * box.height)
  }

  /** Of what a person sees. */
  private async coloursAt(places: readonly (readonly [number, number])[]): Promise<Colour[]> {
    const png = (await this.frame.screenshot()).toString('base64')
    // A page of its own: the platform's policy allows no such picture.
    const tab = await this.page.context().newPage()
    try {
      return await tab.evaluate(
        async ([data, points]) => {
          const bytes = Uint8Array.from(atob(data), (letter) => letter.charCodeAt(0))
          const picture = await createImageBitmap(new Blob([bytes], { type: 'image/png' }))
          const canvas = new OffscreenCanvas(picture.width, picture.height)
          const pen = canvas.getContext('2d')
          pen?.drawImage(picture, 0, 0)
          return points.map(([x, y]) => {
            const [red = 0, green = 0, blue = 0] =
              pen?.getImageData(Math.floor(x * picture.width), Math.floor(y * picture.height), 1, 1).data ?? []
            return [red, green, blue] as const
          })
        },
        [png, places] as const,
      )
    } finally {
      await tab.close()
      await this.page.bringToFront()
    }
  }
}

/** Streamed pictures are compressed. */
const TOLERANCE = 40

function isLike(seen: Colour | undefined, wanted: Colour): boolean {
  return seen !== undefined && wanted.every((value, index) => Math.abs(value - (seen[index] ?? -1000)) <= TOLERANCE)
}
