import { useRef, type KeyboardEvent, type ReactNode } from 'react'
import { Icon } from './Icon'
import styles from './TabStrip.module.css'

export interface Tab {
  id: string
  label: string
  /** Shown instead of the closing cross until it is pointed at: text that is not saved. */
  dirty?: boolean
  title?: string
  canClose?: boolean
  closeLabel: string
}

interface Props {
  label: string
  tabs: Tab[]
  active: string | null
  onActivate: (id: string) => void
  onClose: (id: string) => void
  actions?: ReactNode
}

/** Tabs by the ARIA pattern: arrows move and choose, Delete closes. */
export function TabStrip({ label, tabs, active, onActivate, onClose, actions }: Props) {
  const list = useRef<HTMLDivElement>(null)

  function onKeyDown(event: KeyboardEvent) {
    const index = tabs.findIndex((tab) => tab.id === active)
    const current = tabs[index]
    if (event.key === 'Delete' && current?.canClose) {
      event.preventDefault()
      onClose(current.id)
      return
    }
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const next = tabs[(index + step + tabs.length) % tabs.length]
    if (step === 0 || !next) return
    event.preventDefault()
    onActivate(next.id)
    list.current?.querySelectorAll<HTMLElement>('[role="tab"]')[tabs.indexOf(next)]?.focus()
  }

  return (
    <div className={styles.strip}>
      <div ref={list} className={styles.tabs} role="tablist" aria-label={label} tabIndex={-1} onKeyDown={onKeyDown}>
        {tabs.map((tab) => (
          <div key={tab.id} className={styles.tab} role="presentation" data-active={tab.id === active || undefined}>
            <button
              type="button"
              role="tab"
              className={styles.name}
              aria-selected={tab.id === active}
              tabIndex={tab.id === active ? 0 : -1}
              title={tab.title}
              data-tab={tab.id}
              onClick={() => onActivate(tab.id)}
              onAuxClick={(event) => {
                if (event.button === 1 && tab.canClose) onClose(tab.id)
              }}
            >
              <bdi>{tab.label}</bdi>
              {tab.dirty && <span className="visually-hidden"> (not saved)</span>}
            </button>
            {tab.canClose ? (
              <button
                type="button"
                className={styles.close}
                tabIndex={-1}
                aria-label={tab.closeLabel}
                data-dirty={tab.dirty || undefined}
                onClick={() => onClose(tab.id)}
              >
                <Icon name="close" size={12} />
              </button>
            ) : (
              <span className={styles.noClose} />
            )}
          </div>
        ))}
      </div>
      <div className={styles.actions}>{actions}</div>
    </div>
  )
}
