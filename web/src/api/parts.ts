// Parts of the pages that come only when they are needed: the workspace, the editor, the terminal's screen. A line that drops
// for a moment, or networks that change, must not leave somebody in front of half a page.

import { Attempts } from './backoff'

/** About ten seconds, by `Attempts`: then it is for a person to reload. */
const TRIES = 6

/** Loads a part with `load`, an `import()`, and again while it does not come. Throws what the last try threw. */
export async function loadPart<Part>(load: () => Promise<Part>): Promise<Part> {
  const attempts = new Attempts()
  document.addEventListener('error', noteStyleSheet, true)
  for (let left = TRIES - 1; ; left--) {
    try {
      await loadMissingStyleSheets()
      return await load()
    } catch (error) {
      if (left === 0) throw error
    }
    await attempts.next(new AbortController().signal)
  }
}

/** A second `import()` takes the style sheets of the first for loaded, whatever became of them: Vite asks for each once. */
const missing = new Set<HTMLLinkElement>()

function noteStyleSheet({ target }: Event): void {
  if (target instanceof HTMLLinkElement && target.rel === 'stylesheet') missing.add(target)
}

async function loadMissingStyleSheets(): Promise<void> {
  const links = [...missing]
  missing.clear()
  await Promise.all(
    links.map(
      (link) =>
        new Promise<void>((resolve, reject) => {
          const again = link.cloneNode() as HTMLLinkElement
          again.addEventListener('load', () => resolve())
          again.addEventListener('error', () => reject(new Error(`${again.href} did not load`)))
          link.replaceWith(again)
        }),
    ),
  )
}
