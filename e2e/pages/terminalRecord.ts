// What one page's terminal received, byte for byte, with the protocol's own bookkeeping: counted bytes only, replays
// left out. Watching must begin before the page opens its first socket.

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { isRecord } from '../fixtures/json.js'

interface Attachment {
  epoch: string
  resumed: boolean
}

export class TerminalRecord {
  readonly attachments: Attachment[] = []
  private readonly counted: Buffer[] = []
  private replayLeft = 0

  constructor(page: Page, name = 'main') {
    page.on('websocket', (socket) => {
      const url = new URL(socket.url())
      if (!url.pathname.endsWith('/terminal') || url.searchParams.get('name') !== name) return
      socket.on('framereceived', ({ payload }) => {
        if (typeof payload === 'string') this.take(payload)
        else this.count(payload)
      })
    })
  }

  /** All that the shell printed since the first attachment. */
  get text(): string {
    return Buffer.concat(this.counted).toString()
  }

  private take(text: string): void {
    const message: unknown = JSON.parse(text)
    if (!isRecord(message) || message['type'] !== 'attached') return
    const { epoch, resumed, replay_bytes: replayBytes } = message
    assert(typeof epoch === 'string' && typeof resumed === 'boolean' && typeof replayBytes === 'number', text)
    this.attachments.push({ epoch, resumed })
    this.replayLeft = replayBytes
  }

  private count(bytes: Buffer): void {
    const replayed = Math.min(this.replayLeft, bytes.length)
    this.replayLeft -= replayed
    this.counted.push(bytes.subarray(replayed))
  }
}
