// The open files, as a reducer. Texts live in the editor's buffers; this knows of each file only what a tab shows and what
// the next save has to expect.

export interface Document {
  path: string
  status: 'loading' | 'ready' | 'declined' | 'failed'
  /** Why it was declined or failed, in words. */
  message?: string
  /** The version that the buffer started from; null: not on the seat (new, or deleted there). */
  etag: string | null
  dirty: boolean
  saving: boolean
  /** It is no longer on the seat; the next save makes it again. */
  removed?: boolean
  /** The seat has something else than what the buffer started from: a save met it, or the seat told. */
  conflict?: { etag: string | null; met: 'saving' | 'watching' }
  saveError?: string
}

export interface Documents {
  open: readonly Document[]
  active: string | null
}

export const NO_DOCUMENTS: Documents = { open: [], active: null }

export type DocumentAction =
  | { type: 'opened'; path: string; activate: boolean }
  | { type: 'activated'; path: string }
  | { type: 'closed'; path: string }
  | { type: 'loaded'; path: string; etag: string | null; dirty: boolean }
  | { type: 'declined' | 'failed'; path: string; message: string }
  | { type: 'edited'; path: string; dirty: boolean }
  | { type: 'saving'; path: string }
  | { type: 'saved'; path: string; etag: string; dirty: boolean }
  | { type: 'save_failed'; path: string; message: string }
  | { type: 'conflicted'; path: string; etag: string | null; met: 'saving' | 'watching' }
  | { type: 'removed'; path: string }
  | { type: 'kept_mine'; path: string }
  | { type: 'moved'; from: string; to: string }
  | { type: 'notice_dismissed'; path: string }

export function reduceDocuments(state: Documents, action: DocumentAction): Documents {
  switch (action.type) {
    case 'opened': {
      const known = find(state, action.path)
      const open = known
        ? state.open
        : [...state.open, { path: action.path, status: 'loading' as const, etag: null, dirty: false, saving: false }]
      return { open, active: action.activate ? action.path : state.active }
    }
    case 'activated':
      return find(state, action.path) ? { ...state, active: action.path } : state
    case 'closed': {
      const index = state.open.findIndex((document) => document.path === action.path)
      if (index === -1) return state
      const open = state.open.filter((document) => document.path !== action.path)
      const next = open[Math.min(index, open.length - 1)]?.path ?? null
      return { open, active: state.active === action.path ? next : state.active }
    }
    case 'loaded':
      return change(state, action.path, (document) => ({
        ...bare(document),
        status: 'ready',
        etag: action.etag,
        dirty: action.dirty,
        removed: false,
      }))
    case 'declined':
    case 'failed':
      return change(state, action.path, (document) => ({
        ...bare(document),
        status: action.type,
        message: action.message,
      }))
    case 'edited':
      return change(state, action.path, (document) =>
        document.dirty === action.dirty ? document : { ...document, dirty: action.dirty },
      )
    case 'saving':
      return change(state, action.path, (document) => ({ ...bare(document), saving: true }))
    case 'saved':
      return change(state, action.path, (document) => ({
        ...bare(document),
        etag: action.etag,
        dirty: action.dirty,
        removed: false,
      }))
    case 'save_failed':
      return change(state, action.path, (document) => ({ ...bare(document), saveError: action.message }))
    case 'conflicted':
      return change(state, action.path, (document) => ({
        ...bare(document),
        conflict: { etag: action.etag, met: action.met },
      }))
    case 'removed':
      return change(state, action.path, (document) => ({ ...bare(document), etag: null, removed: true }))
    case 'kept_mine':
      return change(state, action.path, (document) =>
        document.conflict ? { ...bare(document), etag: document.conflict.etag, removed: false } : document,
      )
    case 'moved':
      return {
        open: state.open.map((document) => ({ ...document, path: movedPath(document.path, action) })),
        active: state.active === null ? null : movedPath(state.active, action),
      }
    case 'notice_dismissed':
      return change(state, action.path, bare)
  }
}

export function movedPath(path: string, { from, to }: { from: string; to: string }): string {
  if (path === from) return to
  return path.startsWith(`${from}/`) ? to + path.slice(from.length) : path
}

function find(state: Documents, path: string): Document | undefined {
  return state.open.find((document) => document.path === path)
}

function change(state: Documents, path: string, update: (document: Document) => Document): Documents {
  return { ...state, open: state.open.map((document) => (document.path === path ? update(document) : document)) }
}

/** Without what the last attempt had to say. */
function bare({ path, status, etag, dirty, removed = false }: Document): Document {
  return { path, status, etag, dirty, saving: false, removed }
}
