// Which terminals have a tab: what the seat lists, in the order in which this page met them, and always `main`.

export const MAIN = 'main'

/** `kept` have ended, and somebody may still want to read why. */
export function mergeTabs(
  tabs: readonly string[],
  listed: readonly string[],
  kept: ReadonlySet<string> = new Set(),
): string[] {
  const wanted = new Set([MAIN, ...listed, ...tabs.filter((name) => kept.has(name))])
  const stay = tabs.filter((name) => wanted.has(name))
  const added = [...wanted].filter((name) => !stay.includes(name))
  return [...stay, ...added]
}

/** The neighbour that takes over when a tab is closed. */
export function tabAfterClosing(tabs: readonly string[], closed: string): string {
  const index = tabs.indexOf(closed)
  return tabs[index + 1] ?? tabs[index - 1] ?? MAIN
}

const LABEL_LENGTH = 24
const TOOLTIP_LENGTH = 200

/** The title that a program set, as plain text and cut short, or the terminal's name. */
export function tabLabel(name: string, title: string): string {
  return cut(plain(title), LABEL_LENGTH) || name
}

/** The whole title, and the name by which the seat knows the terminal. */
export function tabTooltip(name: string, title: string): string {
  const text = cut(plain(title), TOOLTIP_LENGTH)
  return text === '' || text === name ? name : `${text} (${name})`
}

/** Whether a terminal that ended so is closed without a word: left by `exit`, or closed by somebody on another device. */
export function isQuietEnd(code: number | null): boolean {
  return code === 0 || code === HUNG_UP
}

/** As shells count: 128 and the number of SIGHUP. */
const HUNG_UP = 129

/** A title comes from any program: no control characters, nothing that turns the direction of what follows. */
function plain(title: string): string {
  // eslint-disable-next-line no-control-regex
  return title.replace(/[\u0000-\u001f\u007f-\u009f\u200e\u200f\u202a-\u202e\u2066-\u2069]/g, '').trim()
}

function cut(text: string, most: number): string {
  const letters = [...text]
  return letters.length > most ? `${letters.slice(0, most - 1).join('')}…` : text
}
