// What a person hears of a seat's browser: pieces of sound that arrive, and what their web browser makes of them.

import assert from 'node:assert/strict'
import type { Locator, Page } from 'playwright-core'
import { until } from '../fixtures/until.js'

/** First byte of the stream's messages with sound. */
const SOUND = 1
/** Half of what the oscillator gives: streamed sound is compressed. */
const LOUD = 0.5

interface Heard {
  peak: number
  hertz: number
}

interface WithEar {
  clarateachEar?: AnalyserNode
}

export class Ear {
  /** Pieces of sound that arrived at the page. */
  pieces = 0

  private constructor(readonly page: Page) {}

  /** Before the page shows a stream. */
  static async of(page: Page): Promise<Ear> {
    const ear = new Ear(page)
    page.on('websocket', (socket) =>
      socket.on('framereceived', ({ payload }) => {
        if (typeof payload !== 'string' && payload[0] === SOUND) ear.pieces += 1
      }),
    )
    // Listens in where the stream's page hands sound to the loudspeakers.
    await page.addInitScript(() => {
      if (!('AudioNode' in window)) return
      const proper = Object.getOwnPropertyDescriptor(AudioNode.prototype, 'connect')?.value as (...to: unknown[]) => unknown
      AudioNode.prototype.connect = function (this: AudioNode, ...to: unknown[]) {
        const [first] = to
        if (first instanceof AudioDestinationNode) {
          const ear = first.context.createAnalyser()
          ;(window as WithEar).clarateachEar = ear
          proper.call(this, ear)
        }
        return proper.apply(this, to)
      } as typeof AudioNode.prototype.connect
    })
    return ear
  }

  get button(): Locator {
    return this.page.getByTestId('browser-sound')
  }

  async isPressed(): Promise<boolean> {
    return (await this.button.getAttribute('aria-pressed')) === 'true'
  }

  async turn(state: 'on' | 'off'): Promise<void> {
    await this.button.click()
    await this.is(state)
  }

  async is(state: 'on' | 'off'): Promise<void> {
    await this.page.locator(`[data-testid="browser-sound"][data-sound="${state}"]`).waitFor()
    assert.equal(await this.isPressed(), state === 'on')
  }

  /** A tone of this pitch comes out, from pieces that arrive now. */
  async hears(hertz: number): Promise<void> {
    const before = this.pieces
    let heard: Heard | undefined
    await until(
      `a tone of ${hertz} Hz`,
      async () => {
        heard = await this.hear()
        return (heard !== undefined && heard.peak > LOUD && Math.abs(heard.hertz - hertz) < 30 && this.pieces > before + 10) || undefined
      },
      { seen: () => `${this.pieces - before} pieces, ${JSON.stringify(heard)}` },
    )
  }

  private async hear(): Promise<Heard | undefined> {
    const handle = await this.page.getByTestId('browser-frame').elementHandle()
    const frame = await handle?.contentFrame()
    return frame?.evaluate(() => {
      const ear = (window as WithEar).clarateachEar
      if (!ear || ear.context.state !== 'running') return undefined
      const wave = new Float32Array(ear.fftSize)
      ear.getFloatTimeDomainData(wave)
      const pitches = new Float32Array(ear.frequencyBinCount)
      ear.getFloatFrequencyData(pitches)
      const loudest = pitches.indexOf(Math.max(...pitches))
      return {
        peak: Math.max(...wave),
        hertz: (loudest * ear.context.sampleRate) / ear.fftSize,
      }
    })
  }
}
