import { Icon, type IconName } from '../../components/Icon'
import { Tooltip } from '../../components/Tooltip'
import styles from './workspace.module.css'

export type PaneName = 'files' | 'search' | 'editor' | 'terminal' | 'ports' | 'browser'
/** The views that share the panel at the side. */
export type SideName = 'files' | 'search'

const PANES: { name: PaneName; label: string; icon: IconName; keys?: string }[] = [
  { name: 'files', label: 'Files', icon: 'folder' },
  { name: 'search', label: 'Search', icon: 'search', keys: 'Ctrl+Shift+F' },
  { name: 'editor', label: 'Editor', icon: 'edit' },
  { name: 'terminal', label: 'Terminal', icon: 'terminal' },
  { name: 'ports', label: 'Ports', icon: 'ports' },
  { name: 'browser', label: 'Browser', icon: 'browser' },
]

interface Props {
  pane: PaneName
  centre: 'editor' | 'browser'
  /** Which of the panes that can be folded away are there, on a wide screen. */
  open: { side: SideName | null; terminal: boolean; ports: boolean }
  hasUnsaved: boolean
  onChoose: (pane: PaneName) => void
}

/** At the left of a wide screen it shows and hides panes; below a narrow one it chooses the one that is shown. */
export function ActivityBar({ pane, centre, open, hasUnsaved, onChoose }: Props) {
  const isOpen = (name: PaneName) =>
    name === 'terminal' || name === 'ports' ? open[name] : name === open.side || name === centre
  return (
    <nav className={styles.activity} aria-label="Panes">
      {PANES.map(({ name, label, icon, keys }) => (
        <Tooltip key={name} text={keys ? `${label} (${keys})` : label} side="right">
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
