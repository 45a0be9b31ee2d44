// What an upload has to do: which files are in the way of which, and under what name each goes. Pure.

import type { DroppedFile } from './dropped'
import { parentOf, nameOf, pathIn } from './tree'

export type Choice = 'replace' | 'keep_both' | 'skip'

/** What the seat has in the folders that the files go to: kinds by name. A folder that is not there has no entry. */
export type Taken = ReadonlyMap<string, ReadonlyMap<string, 'folder' | 'file'>>

export interface Item {
  path: string
  file: File
  replaces: boolean
}

export interface Plan {
  items: Item[]
  skipped: string[]
  /** A folder bears the name of a file, or the other way round: nobody wants that replaced. */
  impossible: string[]
}

/** Full paths of the files that would replace others. */
export function conflictsOf(folder: string, files: readonly DroppedFile[], taken: Taken): string[] {
  return files.map(({ path }) => pathIn(folder, path)).filter((path) => kindAt(taken, path) === 'file')
}

export function planOf(folder: string, files: readonly DroppedFile[], taken: Taken, choice: Choice): Plan {
  const plan: Plan = { items: [], skipped: [], impossible: [] }
  const used = new Set(files.map(({ path }) => pathIn(folder, path)))
  for (const { path: relative, file } of files) {
    const path = pathIn(folder, relative)
    const kind = kindAt(taken, path)
    if (kind === 'folder' || isBelowFile(folder, path, taken)) plan.impossible.push(path)
    else if (kind === undefined) plan.items.push({ path, file, replaces: false })
    else if (choice === 'skip') plan.skipped.push(path)
    else if (choice === 'replace') plan.items.push({ path, file, replaces: true })
    else {
      const free = freePath(path, (other) => used.has(other) || kindAt(taken, other) !== undefined)
      used.add(free)
      plan.items.push({ path: free, file, replaces: false })
    }
  }
  return plan
}

/** `notes.txt` → `notes (2).txt`, the first that is free. */
export function freePath(path: string, isTaken: (path: string) => boolean): string {
  const name = nameOf(path)
  const ending = /(\.tar)?\.[^.]+$/.exec(name.slice(1))?.[0] ?? ''
  const stem = name.slice(0, name.length - ending.length)
  for (let number = 2; ; number++) {
    const free = pathIn(parentOf(path), `${stem} (${number})${ending}`)
    if (!isTaken(free)) return free
  }
}

function kindAt(taken: Taken, path: string): 'folder' | 'file' | undefined {
  return taken.get(parentOf(path))?.get(nameOf(path))
}

function isBelowFile(folder: string, path: string, taken: Taken): boolean {
  for (let parent = parentOf(path); parent.length > folder.length; parent = parentOf(parent)) {
    if (kindAt(taken, parent) === 'file') return true
  }
  return false
}
