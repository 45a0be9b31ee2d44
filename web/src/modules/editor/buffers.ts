// What the editor's store asks of the texts themselves; Monaco's models are behind it, and a test's fakes.

/** A stretch of one line, counted from 1 in UTF-16 units. */
export interface Place {
  line: number
  column: number
  endColumn: number
}

export interface Buffers {
  create(path: string, saved: string, draft: string | null): void
  /** Replaces the text by what the seat has, as one step that can be undone; the cursor stays. */
  replace(path: string, text: string): void
  text(path: string): string
  isDirty(path: string): boolean
  /** What is in the buffer now is what the seat has. Call with the version that was sent. */
  markSaved(path: string, version: number): void
  version(path: string): number
  move(from: string, to: string): void
  dispose(path: string): void
  /** Selects the place and brings it into view, now or when the text is next shown. */
  reveal(path: string, place: Place): void
  focus(): void
}
