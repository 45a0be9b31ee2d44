import { Fragment, useEffect, useMemo, useRef, useState, type KeyboardEvent } from 'react'
import { archiveUrl } from '../../api/archive'
import { isApiError, messageOf } from '../../api/client'
import { fileUrl, type FileEntry } from '../../api/files'
import { isRawPath, pathLabel } from '../../api/rawNames'
import type { SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { ConfirmDialog } from '../../components/Dialog'
import { Icon } from '../../components/Icon'
import { Failed, Loading } from '../../components/State'
import { FileRow, type RowAction } from './FileRow'
import { FilesHeader } from './FilesHeader'
import { NameInput } from './NameInput'
import { Uploads } from './Uploads'
import { isInside, moveBy, parentOf, pathIn, ROOT, shownOnly, visibleRows, type Row } from './tree'
import { useFileChange, useListings, useRefreshFiles } from './useFiles'
import { useUploads } from './useUploads'
import { rowsToMake, useWindow } from './useWindow'
import styles from './FileTree.module.css'

interface Props {
  address: SeatAddress
  generation: number
  /** The seat tells of changes: nothing has to be asked for now and then. */
  live: boolean
  openPath: string | null
  canChange: boolean
  onOpen: (path: string, size: number) => void
  onMoved: (from: string, to: string) => void
  onDeleted: (path: string) => void
  onGoToFile: () => void
}

type Naming = { type: 'new_file' | 'new_folder'; folder: string } | { type: 'rename'; entry: FileEntry }

export function FileTree(props: Props) {
  const { address, generation, live, openPath, canChange, onOpen, onMoved, onDeleted, onGoToFile } = props
  const [expanded, setExpanded] = useState<ReadonlySet<string>>(new Set())
  const [focused, setFocused] = useState<string | null>(null)
  const [naming, setNaming] = useState<Naming | null>(null)
  const [deleting, setDeleting] = useState<FileEntry | null>(null)
  const tree = useRef<HTMLDivElement>(null)

  const { listings, isLoading, isRefreshing, error } = useListings(address, generation, expanded, live)
  const refresh = useRefreshFiles(address)
  const change = useFileChange(address)
  const rows = useMemo(() => visibleRows(listings, expanded), [listings, expanded])
  const current = rowFor(rows, focused)
  const uploads = useUploads(address, canChange, () => void refresh())
  const { target } = uploads.drop
  // The seat's own hidden folders are nobody's work.
  const isBare = rows.every(({ entry }) => entry.name.startsWith('.')) && expanded.size === 0

  // A row that had the focus and is gone hands it on, so that the arrow keys go on working.
  const hadFocus = useRef(false)
  const currentPath = current?.entry.path
  useEffect(() => {
    if (hadFocus.current && currentPath !== focused && document.activeElement === document.body) focusRow(tree.current, currentPath)
  }, [currentPath, focused])

  // The arrow keys lead to rows that are made only now.
  const [wanted, setWanted] = useState<string | null>(null)
  useEffect(() => {
    if (wanted !== null) focusRow(tree.current, wanted)
  }, [wanted])

  const slice = useWindow(tree, rows.length, ROW_HEIGHT)
  const indexOf = (path: string | null | undefined) => rows.findIndex(({ entry }) => entry.path === path)
  const kept = [currentPath, wanted, naming?.type === 'rename' ? naming.entry.path : naming?.folder]
  const made = rowsToMake(slice, rows.length, rows.length === slice.to - slice.from ? [] : kept.map(indexOf))

  function setOpen(path: string, open: boolean) {
    setExpanded((before) => {
      const next = new Set([...before].filter((other) => open || !isInside(other, path)))
      if (open) next.add(path)
      return next
    })
  }

  function activate(row: Row) {
    if (row.entry.kind === 'directory') setOpen(row.entry.path, !row.expanded)
    else if (isRawPath(row.entry.path)) onAction('rename', row.entry) // The editor takes names that are text.
    else onOpen(row.entry.path, row.entry.size)
  }

  function startNaming(type: 'new_file' | 'new_folder', folder: string) {
    change.reset()
    if (folder !== ROOT) setOpen(folder, true)
    setNaming({ type, folder })
  }

  function onAction(action: RowAction, entry: FileEntry) {
    change.reset()
    if (action === 'rename' && isRawPath(parentOf(entry.path))) return // The folder comes first.
    if (action === 'rename') setNaming({ type: 'rename', entry })
    else if (action === 'delete') setDeleting(entry)
    else if (action === 'upload_files') uploads.choose('files', entry.path)
    else if (action === 'upload_folder') uploads.choose('folder', entry.path)
    else startNaming(action, entry.path)
  }

  function onKeyDown(event: KeyboardEvent, row: Row) {
    if (event.target !== event.currentTarget || event.ctrlKey || event.metaKey || event.altKey) return
    const move = moveBy(event.key, rows, row.entry.path)
    if (move?.to === 'row') {
      focusRow(tree.current, move.path)
      setWanted(move.path)
    }
    else if (move) setOpen(move.path, move.to === 'open')
    else if (event.key === 'Enter' || event.key === ' ') activate(row)
    else if (event.key === 'F2' && canChange) onAction('rename', row.entry)
    else if (event.key === 'Delete' && canChange) onAction('delete', row.entry)
    else return
    event.preventDefault()
  }

  function submitName(name: string) {
    if (naming === null) return
    if (naming.type === 'rename') {
      const from = naming.entry.path
      const to = pathIn(parentOf(from), name)
      if (to === from) {
        setNaming(null)
        return
      }
      change.mutate({ type: 'rename', path: from, to }, { onSuccess: () => named(() => onMoved(from, to)) })
      return
    }
    const path = pathIn(naming.folder, name)
    const isFile = naming.type === 'new_file'
    change.mutate({ type: naming.type, path }, { onSuccess: () => named(() => isFile && onOpen(path, 0)) })
  }

  function named(then: () => void) {
    setNaming(null)
    then()
  }

  const namingInput = naming && (
    <NameInput
      label={
        naming.type === 'rename' ? 'New name' : naming.type === 'new_file' ? 'Name of the file' : 'Name of the folder'
      }
      initial={naming.type === 'rename' ? naming.entry.name : ''}
      level={naming.type === 'rename' ? depthOf(naming.entry.path) : depthOf(pathIn(naming.folder, 'x'))}
      busy={change.isPending}
      error={change.error ? changeMessage(change.error) : null}
      onSubmit={submitName}
      onCancel={() => setNaming(null)}
    />
  )
  const folderForNew =
    current && focused
      ? current.entry.kind === 'directory' && current.expanded
        ? current.entry.path
        : parentOf(current.entry.path)
      : ROOT

  return (
    <section className={styles.panel} aria-label="Files" {...uploads.drop.handlers}>
      <FilesHeader
        canChange={canChange}
        isRefreshing={isRefreshing}
        downloadUrl={archiveUrl(address, ROOT)}
        onNew={(type) => startNaming(type, folderForNew)}
        onUpload={(what) => uploads.choose(what, folderForNew)}
        onGoToFile={onGoToFile}
        onRefresh={() => void refresh()}
      />

      {error ? (
        <Failed title="Your files did not load" message={messageOf(error)} onRetry={() => void refresh()} />
      ) : isLoading ? (
        <Loading label="Loading files…" />
      ) : (
        <div
          ref={tree}
          role="tree"
          aria-label="Files"
          className={styles.tree}
          data-testid="file-tree"
          data-live={live || undefined}
          data-drop={target === ROOT || undefined}
          data-bare={isBare || undefined}
          onFocus={() => (hadFocus.current = true)}
          onBlur={() => (hadFocus.current = false)}
        >
          {naming && naming.type !== 'rename' && naming.folder === ROOT && namingInput}
          {<ShownOnly count={shownOnly(listings, ROOT)} level={1} />}
          {made.map(({ index, gap }) => {
            const row = rows[index]
            const room = gap > 0 && <div style={{ height: gap * ROW_HEIGHT }} />
            if (!row) return <Fragment key="end">{room}</Fragment>
            return (
            <Fragment key={row.entry.path}>
              {room}
              {naming?.type === 'rename' && naming.entry.path === row.entry.path ? (
                namingInput
              ) : (
                <FileRow
                  row={row}
                  isCurrent={row === current}
                  isOpenInEditor={row.entry.path === openPath}
                  canChange={canChange}
                  isDropTarget={row.entry.path === target}
                  downloadUrl={(row.entry.kind === 'directory' ? archiveUrl : fileUrl)(address, row.entry.path)}
                  onActivate={() => activate(row)}
                  onKeyDown={(event) => onKeyDown(event, row)}
                  onFocus={() => setFocused(row.entry.path)}
                  onAction={(action) => onAction(action, row.entry)}
                />
              )}
              {naming && naming.type !== 'rename' && naming.folder === row.entry.path && namingInput}
              <ShownOnly count={row.shownOnly} level={row.level + 1} />
            </Fragment>
            )
          })}
        </div>
      )}
      {!error && !isLoading && isBare && !naming && (
        <div className={styles.empty}>
          <p>No files yet.{canChange && ' Make one, or drop some here.'}</p>
          {canChange && (
            <Button size="small" onClick={() => startNaming('new_file', ROOT)}>
              <Icon name="newFile" /> New file
            </Button>
          )}
        </div>
      )}

      <Uploads uploads={uploads} />

      <ConfirmDialog
        open={deleting !== null}
        onOpenChange={(open) => !open && setDeleting(null)}
        title={deleting?.kind === 'directory' ? 'Delete this folder?' : 'Delete this file?'}
        description={
          <>
            <bdi>{deleting && pathLabel(deleting.path)}</bdi>
            {deleting?.kind === 'directory' ? ' and everything in it' : ''} will be gone. This cannot be undone.
          </>
        }
        confirm="Delete"
        busy={change.isPending}
        error={change.error ? changeMessage(change.error) : undefined}
        onConfirm={() => {
          if (deleting === null) return
          const { path, kind } = deleting
          change.mutate(
            { type: 'delete', path, isFolder: kind === 'directory' },
            {
              onSuccess: () => {
                setDeleting(null)
                onDeleted(path)
              },
            },
          )
        }}
      />
    </section>
  )
}

/** What a folder's listing leaves out is said where it begins: its end is far away. */
function ShownOnly({ count, level }: { count: number | null; level: number }) {
  if (count === null) return null
  return (
    <p className={styles.shownOnly} style={{ paddingLeft: 8 + level * 14 }} role="note" data-testid="files-truncated">
      Only the first {count.toLocaleString()} in this folder. The search finds the others.
    </p>
  )
}

/** As the style sheet has it. */
const ROW_HEIGHT = matchMedia('(hover: none)').matches ? 40 : 28

/** The row with the focus; when it is gone, the folder that it was in, or the first. */
function rowFor(rows: readonly Row[], path: string | null): Row | undefined {
  for (let wanted = path ?? ROOT; wanted !== ROOT; wanted = parentOf(wanted)) {
    const row = rows.find(({ entry }) => entry.path === wanted)
    if (row) return row
  }
  return rows[0]
}

function focusRow(tree: HTMLElement | null, path: string | undefined) {
  const items = tree?.querySelectorAll<HTMLElement>('[role="treeitem"]') ?? []
  ;[...items].find((item) => item.dataset['path'] === path)?.focus()
}

function depthOf(path: string): number {
  return path.split('/').length - 1
}

function changeMessage(error: unknown): string {
  if (isApiError(error, 'changed', 'exists', 'already_exists')) return 'There is already something with this name.'
  return messageOf(error)
}
