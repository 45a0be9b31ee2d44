// One terminal's WebSocket: attaches, carries out the protocol's effects, and comes back after every closed socket as long
// as the seat says so. It knows the emulator and the seat's session only by the interfaces below.

import { Attempts, untilVisible } from '../../api/backoff'
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
  private readonly life = new AbortController()
  private socket: WebSocket | null = null
  private ackTimer: ReturnType<typeof setTimeout> | null = null
  private readonly attempts = new Attempts()
  private over = false

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
    this.connect()
  }

  /** Typed while not attached, it is dropped: nobody wants to have typed blindly. */
  input(bytes: Uint8Array<ArrayBuffer>): void {
    const socket = this.socket
    if (!this.protocol.isAttached || this.protocol.isReplaying || socket?.readyState !== WebSocket.OPEN) return
    for (let start = 0; start < bytes.length; start += INPUT_FRAME_BYTES) {
      socket.send(bytes.subarray(start, start + INPUT_FRAME_BYTES))
    }
  }

  /** The room that there is on this page. Who may only watch follows the size that others chose. */
  fit(size: Size): void {
    if (this.link.mode() === 'view') return
    this.emulator.resize(size)
    this.send(this.protocol.requestSize(size))
  }

  /** After an exit: a new shell of the same name. */
  restart(): void {
    if (this.life.signal.aborted || !this.over) return
    this.over = false
    this.attempts.restart()
    this.protocol.forget()
    this.socket?.close(1000)
    this.tell.status({ state: 'connecting' })
    this.connect()
  }

  dispose(): void {
    this.life.abort()
    this.stopAckTimer()
    this.socket?.close(1000)
    this.socket = null
  }

  private connect(): void {
    const url = this.link.url(this.protocol.query(this.emulator.size, this.link.mode()))
    const socket = new WebSocket(url, SUBPROTOCOL)
    socket.binaryType = 'arraybuffer'
    this.socket = socket
    socket.onopen = () => {
      if (this.socket === socket) this.protocol.opened()
    }
    socket.onmessage = (event: MessageEvent<string | ArrayBuffer>) => {
      if (this.socket !== socket) return
      const { data } = event
      this.carryOut(typeof data === 'string' ? this.protocol.text(data) : this.protocol.binary(new Uint8Array(data)))
    }
    socket.onclose = (event) => {
      if (this.socket === socket) void this.closed(event.code)
    }
  }

  private carryOut(effects: Effect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'attached':
          this.attempts.succeeded()
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
          this.socket?.close()
          break
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
    if (frame !== null && this.socket?.readyState === WebSocket.OPEN) this.socket.send(frame)
  }

  private async closed(code: number): Promise<void> {
    const wasAttached = this.protocol.isAttached
    this.socket = null
    this.stopAckTimer()
    this.protocol.closed()
    if (this.over || this.life.signal.aborted) return
    if (code === TERMINAL_GONE) {
      this.end({ state: 'gone' })
      return
    }
    this.tell.status({ state: 'reconnecting' })

    // A hidden page draws too slowly to keep up: it comes back when somebody looks.
    if (code === TOO_SLOW) await untilVisible(this.life.signal)
    await this.attempts.next(this.life.signal)
    if (!(await this.link.check()) || this.life.signal.aborted) return
    if (!wasAttached && this.name !== MAIN && !(await this.link.stillExists(this.name))) {
      this.end({ state: 'gone' })
      return
    }
    if (!this.life.signal.aborted) this.connect()
  }

  private end(status: TerminalStatus): void {
    this.over = true
    this.protocol.forget()
    this.tell.status(status)
  }
}
