// What somebody dropped or chose, as paths below the folder it goes to. Reading a drop begins at once: the browser forgets
// its items as soon as the event is over.

export interface DroppedFile {
  /** Relative, with '/' between segments. */
  path: string
  file: File
}

export interface Dropped {
  files: DroppedFile[]
  /** Every folder on the way, parents first: empty ones too. */
  folders: string[]
}

/** More of them one by one would take long, and an archive takes seconds. */
export const MOST_FILES = 2000

export class TooManyFiles extends Error {
  override readonly message = `These are more than ${MOST_FILES} files. Pack them as a .zip and drop that: it can be unpacked here.`
}

export function hasFiles(transfer: DataTransfer | null): boolean {
  return transfer?.types.includes('Files') ?? false
}

/** Call it in the event's handler. */
export function readDrop(transfer: DataTransfer): Promise<Dropped> {
  const items = [...transfer.items].filter((item) => item.kind === 'file')
  const entries = items.map((item) => item.webkitGetAsEntry())
  const files = items.map((item) => item.getAsFile())
  return readEntries(entries, files)
}

async function readEntries(entries: (FileSystemEntry | null)[], files: (File | null)[]): Promise<Dropped> {
  const dropped: Dropped = { files: [], folders: [] }
  for (const [index, entry] of entries.entries()) {
    const file = files[index]
    if (entry) await visit(entry, '', dropped)
    else if (file) add(dropped, { path: file.name, file })
  }
  return dropped
}

/** Opens the computer's own dialog; call it in the handler of a click or a key. */
export function chooseFiles(what: 'files' | 'folder', then: (chosen: FileList) => void): void {
  const input = document.createElement('input')
  input.type = 'file'
  input.hidden = true
  if (what === 'files') input.multiple = true
  else input.webkitdirectory = true
  input.addEventListener('change', () => {
    if (input.files) then(input.files)
    input.remove()
  })
  input.addEventListener('cancel', () => input.remove())
  document.body.append(input)
  input.click()
}

/** From an `<input type="file">`, whole folders included. */
export function readChosen(chosen: FileList): Dropped {
  const dropped: Dropped = { files: [], folders: [] }
  for (const file of chosen) add(dropped, { path: file.webkitRelativePath || file.name, file })
  dropped.folders = foldersOf(dropped.files.map(({ path }) => path))
  return dropped
}

/** Every folder that the paths lie in, parents first. */
export function foldersOf(paths: readonly string[]): string[] {
  const folders = new Set<string>()
  for (const path of paths) {
    const segments = path.split('/').slice(0, -1)
    segments.forEach((_, index) => folders.add(segments.slice(0, index + 1).join('/')))
  }
  return [...folders].sort((a, b) => a.split('/').length - b.split('/').length)
}

async function visit(entry: FileSystemEntry, parent: string, dropped: Dropped): Promise<void> {
  const path = parent === '' ? entry.name : `${parent}/${entry.name}`
  if (isFile(entry)) {
    add(dropped, { path, file: await new Promise<File>((resolve, reject) => entry.file(resolve, reject)) })
  } else if (isDirectory(entry)) {
    dropped.folders.push(path)
    for (const child of await childrenOf(entry)) await visit(child, path, dropped)
  }
}

/** Browsers hand them out a hundred at a time. */
async function childrenOf(folder: FileSystemDirectoryEntry): Promise<FileSystemEntry[]> {
  const reader = folder.createReader()
  const children: FileSystemEntry[] = []
  for (;;) {
    const some = await new Promise<FileSystemEntry[]>((resolve, reject) => reader.readEntries(resolve, reject))
    if (some.length === 0) return children
    children.push(...some)
    if (children.length > MOST_FILES) throw new TooManyFiles()
  }
}

function add(dropped: Dropped, file: DroppedFile): void {
  if (dropped.files.length >= MOST_FILES) throw new TooManyFiles()
  dropped.files.push(file)
}

function isFile(entry: FileSystemEntry): entry is FileSystemFileEntry {
  return entry.isFile
}

function isDirectory(entry: FileSystemEntry): entry is FileSystemDirectoryEntry {
  return entry.isDirectory
}
