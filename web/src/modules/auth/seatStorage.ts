// What the workspace page keeps in this browser for one seat: unsaved texts and open tabs. Storage may be full or off;
// then a page simply remembers less.

interface SeatKey {
  role: 'learner' | 'instructor'
  workshop: string
  seat: number
}

export interface SeatStorage {
  get(key: string): unknown
  set(key: string, value: unknown): void
  remove(key: string): void
}

function prefixOf({ role, workshop, seat }: SeatKey): string {
  return `clarateach.work.${role}.${workshop}.${seat}.`
}

export function seatStorage(seat: SeatKey): SeatStorage {
  const prefix = prefixOf(seat)
  return {
    get(key) {
      try {
        const text = localStorage.getItem(prefix + key)
        return text === null ? undefined : (JSON.parse(text) as unknown)
      } catch {
        return undefined
      }
    },
    set(key, value) {
      try {
        localStorage.setItem(prefix + key, JSON.stringify(value))
      } catch {
        // Full: the text is still in the editor.
      }
    },
    remove: (key) => localStorage.removeItem(prefix + key),
  }
}

export function forgetDrafts(seat: SeatKey): void {
  const prefix = prefixOf(seat)
  for (const key of Object.keys(localStorage)) {
    if (key.startsWith(prefix)) localStorage.removeItem(key)
  }
}
