import { useState, type KeyboardEvent } from 'react'
import { isRawPath } from '../../api/rawNames'
import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { Menu, MenuItem, MenuLink, MenuSeparator } from '../../components/Menu'
import { Spinner } from '../../components/Spinner'
import { parentOf, type Row } from './tree'
import styles from './FileTree.module.css'

export type RowAction = 'new_file' | 'new_folder' | 'upload_files' | 'upload_folder' | 'rename' | 'delete'

interface Props {
  row: Row
  isCurrent: boolean
  isOpenInEditor: boolean
  canChange: boolean
  /** Files are held over it, and would go into it. */
  isDropTarget: boolean
  /** Of a folder: as an archive. */
  downloadUrl: string
  onActivate: () => void
  onKeyDown: (event: KeyboardEvent) => void
  onFocus: () => void
  onAction: (action: RowAction) => void
}

export function FileRow(props: Props) {
  const { row, isCurrent, isOpenInEditor, canChange, isDropTarget, downloadUrl, onActivate, onKeyDown, onFocus, onAction } = props
  const { entry, level, position, siblings, expanded, loading } = row
  // What has no name as text has no address to read it by, only bytes to rename or delete it by.
  const isRaw = isRawPath(entry.path)
  const canRename = canChange && !isRawPath(parentOf(entry.path))
  const [menuOpen, setMenuOpen] = useState(false)
  const isFolder = entry.kind === 'directory'
  return (
    <div
      role="treeitem"
      aria-level={level}
      aria-posinset={position}
      aria-setsize={siblings}
      aria-selected={isOpenInEditor}
      {...(isFolder ? { 'aria-expanded': expanded } : {})}
      aria-label={entry.label}
      tabIndex={isCurrent ? 0 : -1}
      className={styles.row}
      style={{ paddingLeft: 8 + (level - 1) * 14 }}
      data-testid="file-item"
      data-path={entry.path}
      data-kind={entry.kind}
      data-drop={isDropTarget || undefined}
      data-raw={isRaw || undefined}
      data-hidden={entry.name.startsWith('.') || undefined}
      onClick={onActivate}
      onFocus={onFocus}
      onKeyDown={onKeyDown}
      onContextMenu={(event) => {
        event.preventDefault()
        setMenuOpen(true)
      }}
    >
      <span className={styles.twist} data-open={expanded || undefined}>
        {isFolder && (loading ? <Spinner /> : <Icon name="chevron" size={12} />)}
      </span>
      <Icon name={isFolder ? 'folder' : 'file'} size={15} />
      <bdi className={styles.name}>{entry.label}</bdi>
      {(canChange || (!isRaw && (entry.kind === 'file' || isFolder))) && (
        // The menu belongs to the row but is not a click on it.
        // eslint-disable-next-line jsx-a11y/no-static-element-interactions, jsx-a11y/click-events-have-key-events
        <span className={styles.more} onClick={(event) => event.stopPropagation()}>
          <Menu
            open={menuOpen}
            onOpenChange={setMenuOpen}
            keepFocus
            trigger={
              <Button look="quiet" size="icon" tabIndex={-1} aria-label={`Actions for ${entry.label}`}>
                <Icon name="more" />
              </Button>
            }
          >
            {isFolder && canChange && !isRaw && (
              <>
                <MenuItem onSelect={() => onAction('new_file')}>
                  <Icon name="newFile" /> New file…
                </MenuItem>
                <MenuItem onSelect={() => onAction('new_folder')}>
                  <Icon name="newFolder" /> New folder…
                </MenuItem>
                <MenuItem onSelect={() => onAction('upload_files')}>
                  <Icon name="upload" /> Upload files…
                </MenuItem>
                <MenuItem onSelect={() => onAction('upload_folder')}>
                  <Icon name="upload" /> Upload a folder…
                </MenuItem>
                <MenuSeparator />
              </>
            )}
            {entry.kind === 'file' && !isRaw && (
              <MenuLink href={downloadUrl} download={entry.name}>
                <Icon name="download" /> Download
              </MenuLink>
            )}
            {isFolder && !isRaw && (
              <MenuLink href={downloadUrl} download={`${entry.name}.zip`}>
                <Icon name="download" /> Download as .zip
              </MenuLink>
            )}
            {canChange && (
              <>
                {canRename && (
                  <MenuItem onSelect={() => onAction('rename')}>
                    <Icon name="edit" /> Rename…
                  </MenuItem>
                )}
                <MenuItem danger onSelect={() => onAction('delete')}>
                  <Icon name="trash" /> Delete…
                </MenuItem>
              </>
            )}
          </Menu>
        </span>
      )}
    </div>
  )
}
