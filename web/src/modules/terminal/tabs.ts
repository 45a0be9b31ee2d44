// Which terminals have a tab: what the seat lists, in the order in which this page met them, and always `main`.

export const MAIN = 'main'

export function mergeTabs(tabs: readonly string[], listed: readonly string[]): string[] {
  const wanted = new Set([MAIN, ...listed])
  const kept = tabs.filter((name) => wanted.has(name))
  const added = [...wanted].filter((name) => !kept.includes(name))
  return [...kept, ...added]
}

/** The neighbour that takes over when a tab is closed. */
export function tabAfterClosing(tabs: readonly string[], closed: string): string {
  const index = tabs.indexOf(closed)
  return tabs[index + 1] ?? tabs[index - 1] ?? MAIN
}

/** The title that a program set, as plain text and cut short, or the terminal's name. */
export function tabLabel(name: string, title: string): string {
  // eslint-disable-next-line no-control-regex
  const clean = title.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').trim()
  if (clean === '') return name
  return clean.length > 24 ? `${clean.slice(0, 23)}…` : clean
}
