import { useState } from 'react'
import { Button } from '../../components/Button'
import { Icon, type IconName } from '../../components/Icon'
import { Menu, MenuItem, MenuLink, MenuSeparator } from '../../components/Menu'
import { Tooltip } from '../../components/Tooltip'
import styles from './FileTree.module.css'

interface Props {
  canChange: boolean
  isRefreshing: boolean
  downloadUrl: string
  onNew: (type: 'new_file' | 'new_folder') => void
  onUpload: (what: 'files' | 'folder') => void
  onGoToFile: () => void
  onRefresh: () => void
}

export function FilesHeader(props: Props) {
  const { canChange, isRefreshing, downloadUrl, onNew, onUpload, onGoToFile, onRefresh } = props
  const [menuOpen, setMenuOpen] = useState(false)
  return (
    <header className={styles.header}>
      <h2>Files</h2>
      {canChange && (
        <>
          <ToolButton text="New file" icon="newFile" testId="file-new" onClick={() => onNew('new_file')} />
          <ToolButton text="New folder" icon="newFolder" testId="folder-new" onClick={() => onNew('new_folder')} />
        </>
      )}
      <ToolButton text="Refresh" icon="refresh" testId="files-refresh" busy={isRefreshing} onClick={onRefresh} />
      <Menu
        open={menuOpen}
        onOpenChange={setMenuOpen}
        trigger={
          <Button look="quiet" size="icon" aria-label="More for files" data-testid="files-more">
            <Icon name="more" />
          </Button>
        }
      >
        <MenuItem onSelect={onGoToFile}>
          <Icon name="search" /> Go to file… <kbd className={styles.shortcut}>Ctrl+P</kbd>
        </MenuItem>
        {canChange && (
          <>
            <MenuItem onSelect={() => onUpload('files')}>
              <Icon name="upload" /> Upload files…
            </MenuItem>
            <MenuItem onSelect={() => onUpload('folder')}>
              <Icon name="upload" /> Upload a folder…
            </MenuItem>
          </>
        )}
        <MenuSeparator />
        <MenuLink href={downloadUrl} download="workspace.zip">
          <Icon name="download" /> Download everything
        </MenuLink>
      </Menu>
    </header>
  )
}

function ToolButton({
  text,
  icon,
  testId,
  busy = false,
  onClick,
}: {
  text: string
  icon: IconName
  testId: string
  busy?: boolean
  onClick: () => void
}) {
  return (
    <Tooltip text={text}>
      <Button
        look="quiet"
        size="icon"
        aria-label={text}
        aria-busy={busy || undefined}
        data-testid={testId}
        onClick={onClick}
      >
        <Icon name={icon} />
      </Button>
    </Tooltip>
  )
}
