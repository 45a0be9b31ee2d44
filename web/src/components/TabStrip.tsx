import { useEffect, useRef, type KeyboardEvent, type ReactNode } from 'react'
import { Icon } from './Icon'
import styles from './TabStrip.module.css'

export interface Tab {
  id: string
  label: string
  /** A dot stands for the closing cross until it is pointed at: text that is not saved. */
  dirty?: boolean
  title?: string
  /** What it stands for is no longer there, in a word. */
  gone?: string | undefined
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

/**
 * A list of buttons, the current one marked. Not an ARIA tablist: that one may hold no closing buttons, and they should be
 * there for everybody. Arrows move and choose, Delete closes.
 */
export function TabStrip({ label, tabs, active, onActivate, onClose, actions }: Props) {
  const list = useRef<HTMLUListElement>(null)

  useEffect(() => {
    list.current?.querySelector('[aria-current]')?.scrollIntoView({ block: 'nearest', inline: 'nearest' })
  }, [active, tabs.length])

  function onKeyDown(event: KeyboardEvent, tab: Tab) {
    if (event.key === 'Delete' && tab.canClose) {
      event.preventDefault()
      onClose(tab.id)
      return
    }
    const step = event.key === 'ArrowRight' ? 1 : event.key === 'ArrowLeft' ? -1 : 0
    const index = (tabs.indexOf(tab) + step + tabs.length) % tabs.length
    const next = tabs[index]
    if (step === 0 || !next) return
    event.preventDefault()
    onActivate(next.id)
    list.current?.querySelectorAll<HTMLElement>('[data-testid="tab"]')[index]?.focus()
  }

  return (
    <div className={styles.strip}>
      <ul ref={list} className={styles.tabs} aria-label={label}>
        {tabs.map((tab) => (
          <li key={tab.id} className={styles.tab} data-active={tab.id === active || undefined}>
            <button
              type="button"
              className={styles.name}
              aria-current={tab.id === active ? 'true' : undefined}
              title={tab.title}
              data-testid="tab"
              data-tab={tab.id}
              onClick={() => onActivate(tab.id)}
              onKeyDown={(event) => onKeyDown(event, tab)}
              onAuxClick={(event) => {
                if (event.button === 1 && tab.canClose) onClose(tab.id)
              }}
            >
              <bdi className={tab.gone ? styles.gone : undefined}>{tab.label}</bdi>
              {tab.gone && <span className={styles.goneWord}> {tab.gone}</span>}
              {tab.dirty && <span className="visually-hidden"> (not saved)</span>}
            </button>
            {tab.canClose ? (
              <button
                type="button"
                className={styles.close}
                aria-label={tab.closeLabel}
                data-testid="tab-close"
                data-dirty={tab.dirty || undefined}
                onClick={() => onClose(tab.id)}
              >
                <Icon name="close" size={12} />
              </button>
            ) : (
              <span className={styles.noClose} />
            )}
          </li>
        ))}
      </ul>
      <div className={styles.actions}>{actions}</div>
    </div>
  )
}
