import { Icon, type IconName } from '../../components/Icon'
import { Tooltip } from '../../components/Tooltip'
import styles from './workspace.module.css'

export type PaneName = 'files' | 'editor' | 'terminal' | 'ports' | 'browser'

const PANES: { name: PaneName; label: string; icon: IconName }[] = [
  { name: 'files', label: 'Files', icon: 'folder' },
  { name: 'editor', label: 'Editor', icon: 'edit' },
  { name: 'terminal', label: 'Terminal', icon: 'terminal' },
  { name: 'ports', label: 'Ports', icon: 'ports' },
  { name: 'browser', label: 'Browser', icon: 'browser' },
]

interface Props {
  pane: PaneName
  centre: 'editor' | 'browser'
  /** Which of the panes that can be folded away are there, on a wide screen. */
  open: { files: boolean; terminal: boolean; ports: boolean }
  hasUnsaved: boolean
  onChoose: (pane: PaneName) => void
}

/** At the left of a wide screen it shows and hides panes; below a narrow one it chooses the one that is shown. */
export function ActivityBar({ pane, centre, open, hasUnsaved, onChoose }: Props) {
  const isOpen = (name: PaneName) => (name === 'editor' || name === 'browser' ? name === centre : open[name])
  return (
    <nav className={styles.activity} aria-label="Panes">
      {PANES.map(({ name, label, icon }) => (
        <Tooltip key={name} text={label} side="right">
          <button
            type="button"
            className={styles.activityItem}
            data-testid={`pane-${name}`}
            data-shown={name === pane || undefined}
            data-open={isOpen(name) || undefined}
            onClick={() => onChoose(name)}
          >
            <Icon name={icon} size={20} />
            <span className={styles.activityLabel}>{label}</span>
            {name === 'editor' && hasUnsaved && (
              <span className={styles.unsaved}>
                <span className="visually-hidden"> (not saved)</span>
              </span>
            )}
          </button>
        </Tooltip>
      ))}
    </nav>
  )
}
