// One terminal's connection: attaches, carries out the protocol's effects, and comes back after every closed socket as long
// as the seat says so. It knows the emulator and the seat's session only by the interfaces below.

import { ReconnectingSocket, SEAT_PULSE, type Next } from '../../api/reconnectingSocket'
import { MAIN } from './tabs'
import { ACK_INTERVAL_MS, SUBPROTOCOL, TerminalProtocol, type Effect, type Size } from './protocol'

const TERMINAL_GONE = 4404
const TOO_SLOW = 4408
const INPUT_FRAME_BYTES = 16 * 1024

export interface Emulator {
  readonly size: Size
  write(bytes: Uint8Array, drawn: () => void): void
  /** Both take effect after everything that was written before. */
  reset(): void
  resize(size: Size): void
}

export interface SeatLink {
  url(query: URLSearchParams): string
  mode(): 'view' | 'control'
  /** Settles once the seat has answered; `false` when this page's way into the seat has ended. */
  check(): Promise<boolean>
  /** Never rejects; in doubt, `true`. */
  stillExists(name: string): Promise<boolean>
}

export type TerminalStatus =
  | { state: 'connecting' }
  | { state: 'attached' }
  | { state: 'reconnecting' }
  | { state: 'exited'; code: number | null }
  | { state: 'gone' }

export class TerminalSocket {
  private readonly protocol: TerminalProtocol
  private readonly connection: ReconnectingSocket
  private ackTimer: ReturnType<typeof setTimeout> | null = null
  /** The last attempt was refused; a terminal that is gone is one of the reasons. */
  private wasRefused = false
  private over = false
  private disposed = false

  constructor(
    private readonly name: string,
    private readonly emulator: Emulator,
    private readonly link: SeatLink,
    private readonly tell: {
      status: (status: TerminalStatus) => void
      title: (title: string) => void
      output: () => void
    },
  ) {
    this.protocol = new TerminalProtocol(name)
    this.connection = new ReconnectingSocket({
      url: () => link.url(this.protocol.query(emulator.size, link.mode())),
      protocol: SUBPROTOCOL,
      pulse: SEAT_PULSE,
      // A learner who looks at the slides is still there, and what runs goes on being drawn.
      lingerMs: Infinity,
      check: () => this.mayComeBack(),
      opened: () => this.protocol.opened(),
      message: (data) => {
        this.carryOut(typeof data === 'string' ? this.protocol.text(data) : this.protocol.binary(new Uint8Array(data)))
      },
      closed: (code) => this.closed(code),
    })
    this.connection.start()
  }

  /** Typed while not attached, it is dropped: nobody wants to have typed blindly. */
  input(bytes: Uint8Array<ArrayBuffer>): void {
    if (!this.protocol.isAttached || this.protocol.isReplaying) return
    for (let start = 0; start < bytes.length; start += INPUT_FRAME_BYTES) {
      this.connection.send(bytes.subarray(start, start + INPUT_FRAME_BYTES))
    }
    this.connection.expectAnswer()
  }

  /** The room that there is on this page: told, not taken. The emulator has the terminal's size, which is that of whoever
   * typed last; a smaller panel scrolls. */
  fit(size: Size): void {
    if (this.link.mode() === 'view') return
    this.send(this.protocol.requestSize(size))
  }

  /** After an exit: a new shell of the same name. */
  restart(): void {
    if (this.disposed || !this.over) return
    this.connection.stop()
    this.over = false
    this.protocol.forget()
    this.tell.status({ state: 'connecting' })
    this.connection.start()
  }

  dispose(): void {
    this.disposed = true
    this.stopAckTimer()
    this.connection.stop()
  }

  private carryOut(effects: Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'attached':
          this.tell.status({ state: 'attached' })
          break
        case 'reset':
          this.emulator.reset()
          break
        case 'resize':
          this.emulator.resize(effect.size)
          break
        case 'write':
          this.emulator.write(effect.bytes, () => {
            this.protocol.drawn(effect.mark)
            this.acknowledge()
          })
          this.tell.output()
          break
        case 'title':
          this.tell.title(effect.title)
          break
        case 'exited':
          this.end({ state: 'exited', code: effect.code })
          break
        case 'violation':
          this.protocol.forget()
          this.connection.giveUp()
          return
      }
    }
  }

  private acknowledge(): void {
    if (this.protocol.ackIsDue) {
      this.sendAck()
    } else if (this.protocol.ackIsOwed && this.ackTimer === null) {
      this.ackTimer = setTimeout(() => this.sendAck(), ACK_INTERVAL_MS)
    }
  }

  private sendAck(): void {
    this.stopAckTimer()
    this.send(this.protocol.takeAck())
  }

  private stopAckTimer(): void {
    if (this.ackTimer !== null) clearTimeout(this.ackTimer)
    this.ackTimer = null
  }

  private send(frame: string | null): void {
    if (frame !== null) this.connection.send(frame)
  }

  private closed(code: number | null): Next {
    this.wasRefused = !this.protocol.isAttached
    this.stopAckTimer()
    this.protocol.closed()
    if (this.over || this.disposed) return 'over'
    if (code === TERMINAL_GONE) {
      this.end({ state: 'gone' })
      return 'over'
    }
    this.tell.status({ state: 'reconnecting' })
    // A hidden page draws too slowly to keep up: it comes back when somebody looks.
    return code === TOO_SLOW ? 'when_seen' : 'again'
  }

  private async mayComeBack(): Promise<boolean> {
    if (!(await this.link.check()) || this.disposed) return false
    if (!this.wasRefused || this.name === MAIN || (await this.link.stillExists(this.name))) return true
    if (!this.disposed) this.end({ state: 'gone' })
    return false
  }

  private end(status: TerminalStatus): void {
    this.over = true
    this.protocol.forget()
    this.tell.status(status)
  }
}
