// The client's half of `clarateach.terminal.v1`, as a state machine without I/O: frames in, effects out.
// It knows neither sockets nor xterm. Start at `text` and `binary`; `socket.ts` carries the effects out.
//
// position = attached.offset + payload bytes received since, without the replay. `drawn` is what xterm has shown, and the
// only thing that is ever acknowledged.

export const SUBPROTOCOL = 'clarateach.terminal.v1'
export const ACK_BYTES = 64 * 1024
export const ACK_INTERVAL_MS = 100

export interface Size {
  cols: number
  rows: number
}

/** Goes with a piece of output through the emulator and back to `drawn`. */
export interface Mark {
  attachment: number
  /** `null` for replayed bytes, which are neither counted nor acknowledged. */
  position: number | null
}

export type Effect =
  | { type: 'attached'; resumed: boolean; mode: 'view' | 'control' }
  | { type: 'reset' }
  | { type: 'resize'; size: Size }
  | { type: 'write'; bytes: Uint8Array; mark: Mark }
  | { type: 'title'; title: string }
  | { type: 'exited'; code: number | null }
  /** The other side broke the protocol: close the socket and attach anew, without resuming. */
  | { type: 'violation'; reason: string }

interface Attachment {
  epoch: string
  position: number
  drawn: number
  acked: number
  replayLeft: number
  /** Replayed pieces that the emulator has not drawn yet. */
  replayUndrawn: number
  ackEvery: number
  /** The PTY's size, as the server last told. */
  size: Size
}

export class TerminalProtocol {
  private attachment: Attachment | null = null
  /** Which attachment `drawn` calls may speak about; grows with every socket. */
  private attachmentNumber = 0
  /** Where a next socket may go on. */
  private resumePoint: { epoch: string; offset: number } | null = null
  /** The size of this page's panel, as the server knows it. The terminal has the size of whoever typed last. */
  private wish: Size | null = null

  constructor(private readonly name: string) {}

  /** The query of the next upgrade. */
  query(size: Size, mode: 'view' | 'control'): URLSearchParams {
    this.wish = size
    const query = new URLSearchParams({ name: this.name, cols: String(size.cols), rows: String(size.rows) })
    if (this.resumePoint) {
      query.set('epoch', this.resumePoint.epoch)
      query.set('offset', String(this.resumePoint.offset))
    }
    if (mode === 'view') query.set('mode', 'view')
    return query
  }

  opened(): void {
    this.attachment = null
    this.attachmentNumber += 1
  }

  closed(): void {
    // A replay that was cut off left half a screen behind: only a new replay can mend it.
    if (this.attachment && this.attachment.replayLeft === 0) {
      this.resumePoint = { epoch: this.attachment.epoch, offset: this.attachment.position }
    } else if (this.attachment) {
      this.resumePoint = null
    }
    this.attachment = null
  }

  /** The next attach starts from nothing: after an exit, or a violation. */
  forget(): void {
    this.attachment = null
    this.resumePoint = null
  }

  get isAttached(): boolean {
    return this.attachment !== null
  }

  /** Until the replay is drawn: what old bytes make the emulator say is for nobody's ears. */
  get isReplaying(): boolean {
    return this.attachment !== null && (this.attachment.replayLeft > 0 || this.attachment.replayUndrawn > 0)
  }

  text(data: string): Effect[] {
    const frame = parseFrame(data)
    if (frame === null) return [{ type: 'violation', reason: 'a text frame that is not a JSON object' }]
    if (frame.type === 'attached') return this.attached(frame)
    if (!this.attachment) return [{ type: 'violation', reason: `a "${frame.type}" frame before "attached"` }]
    switch (frame.type) {
      case 'resized':
        return this.resized(this.attachment, frame)
      case 'title':
        return typeof frame['title'] === 'string' ? [{ type: 'title', title: frame['title'] }] : []
      case 'exited':
        return [{ type: 'exited', code: typeof frame['code'] === 'number' ? frame['code'] : null }]
      default:
        return [] // A newer server may say more than we know.
    }
  }

  binary(bytes: Uint8Array): Effect[] {
    const attachment = this.attachment
    if (!attachment) return [{ type: 'violation', reason: 'terminal bytes before "attached"' }]
    const effects: Effect[] = []
    const replayed = Math.min(attachment.replayLeft, bytes.length)
    if (replayed > 0) {
      attachment.replayLeft -= replayed
      attachment.replayUndrawn += 1
      effects.push(this.write(bytes.subarray(0, replayed), null))
    }
    if (bytes.length > replayed) {
      attachment.position += bytes.length - replayed
      effects.push(this.write(bytes.subarray(replayed), attachment.position))
    }
    return effects
  }

  /** The emulator has drawn everything up to this mark. */
  drawn(mark: Mark): void {
    if (!this.attachment || mark.attachment !== this.attachmentNumber) return
    if (mark.position === null) this.attachment.replayUndrawn -= 1
    else this.attachment.drawn = Math.max(this.attachment.drawn, mark.position)
  }

  /** Whether an acknowledgement should not wait for the interval. */
  get ackIsDue(): boolean {
    return this.attachment !== null && this.attachment.drawn - this.attachment.acked >= this.attachment.ackEvery
  }

  get ackIsOwed(): boolean {
    return this.attachment !== null && this.attachment.drawn > this.attachment.acked
  }

  /** The frame to send, once: `null` when nothing new was drawn. */
  takeAck(): string | null {
    if (!this.attachment || this.attachment.drawn <= this.attachment.acked) return null
    this.attachment.acked = this.attachment.drawn
    return JSON.stringify({ type: 'ack', offset: this.attachment.acked })
  }

  /** The frame that tells the size of this page's panel, or `null` when the server knows it. */
  requestSize(size: Size): string | null {
    if (!this.attachment || sameSize(size, this.wish ?? this.attachment.size)) return null
    this.wish = size
    return JSON.stringify({ type: 'resize', cols: size.cols, rows: size.rows })
  }

  private attached(frame: Frame): Effect[] {
    const { epoch, offset, replay_bytes: replayBytes, resumed, mode, window } = frame
    const size = sizeOf(frame)
    if (
      typeof epoch !== 'string' ||
      !isCount(offset) ||
      !isCount(replayBytes) ||
      typeof resumed !== 'boolean' ||
      size === null
    ) {
      return [{ type: 'violation', reason: 'an "attached" frame with missing fields' }]
    }
    if (this.attachment) return [{ type: 'violation', reason: 'a second "attached" frame' }]
    if (resumed && (this.resumePoint?.epoch !== epoch || this.resumePoint.offset !== offset || replayBytes !== 0)) {
      return [{ type: 'violation', reason: 'resumed somewhere else than asked' }]
    }
    this.attachment = {
      epoch,
      position: offset,
      drawn: offset,
      acked: offset,
      replayLeft: replayBytes,
      replayUndrawn: 0,
      ackEvery: isCount(window) && window > 0 ? Math.min(ACK_BYTES, Math.ceil(window / 4)) : ACK_BYTES,
      size,
    }
    return [
      ...(resumed ? [] : [{ type: 'reset' } as const]),
      { type: 'resize', size },
      { type: 'attached', resumed, mode: mode === 'view' ? 'view' : 'control' },
    ]
  }

  private resized(attachment: Attachment, frame: Frame): Effect[] {
    const size = sizeOf(frame)
    if (size === null) return []
    attachment.size = size
    return [{ type: 'resize', size }]
  }

  private write(bytes: Uint8Array, position: number | null): Effect {
    return { type: 'write', bytes, mark: { attachment: this.attachmentNumber, position } }
  }
}

type Frame = Record<string, unknown> & { type: string }

function parseFrame(data: string): Frame | null {
  try {
    const frame: unknown = JSON.parse(data)
    return isFrame(frame) ? frame : null
  } catch {
    return null
  }
}

function isFrame(value: unknown): value is Frame {
  return typeof value === 'object' && value !== null && 'type' in value && typeof value.type === 'string'
}

function isCount(value: unknown): value is number {
  return typeof value === 'number' && Number.isSafeInteger(value) && value >= 0
}

const LARGEST_SIDE = 1000

function sizeOf(frame: Frame): Size | null {
  const { cols, rows } = frame
  if (!isCount(cols) || !isCount(rows) || cols < 1 || rows < 1 || cols > LARGEST_SIDE || rows > LARGEST_SIDE)
    return null
  return { cols, rows }
}

function sameSize(a: Size, b: Size): boolean {
  return a.cols === b.cols && a.rows === b.rows
}
