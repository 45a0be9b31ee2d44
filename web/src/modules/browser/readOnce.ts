// Notices that somebody has read once need no second reading in this web browser. Storage may be off: then they come again.

const PREFIX = 'clarateach.read.'

export function wasRead(notice: string): boolean {
  try {
    return localStorage.getItem(PREFIX + notice) !== null
  } catch {
    return false
  }
}

export function keepAsRead(notice: string): void {
  try {
    localStorage.setItem(PREFIX + notice, '1')
  } catch {
    // Full or off.
  }
}
