import * as Radix from '@radix-ui/react-dropdown-menu'
import type { ReactElement, ReactNode } from 'react'
import styles from './Menu.module.css'

interface Props {
  trigger: ReactElement
  children: ReactNode
  open?: boolean
  onOpenChange?: (open: boolean) => void
  /** Focus is somewhere else on purpose once the menu is gone, e.g. in a name field that an item opened. */
  keepFocus?: boolean
}

export function Menu({ trigger, children, open, onOpenChange, keepFocus = false }: Props) {
  return (
    <Radix.Root
      modal={false}
      {...(open === undefined ? {} : { open })}
      {...(onOpenChange === undefined ? {} : { onOpenChange })}
    >
      <Radix.Trigger asChild>{trigger}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content
          className={styles.menu}
          align="end"
          sideOffset={4}
          collisionPadding={8}
          {...(keepFocus ? { onCloseAutoFocus: (event: Event) => event.preventDefault() } : {})}
        >
          {children}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

interface ItemProps {
  onSelect: () => void
  children: ReactNode
  danger?: boolean
  disabled?: boolean
}

export function MenuItem({ onSelect, children, danger = false, disabled = false }: ItemProps) {
  return (
    <Radix.Item
      className={danger ? `${styles.item} ${styles.danger}` : styles.item}
      disabled={disabled}
      onSelect={onSelect}
    >
      {children}
    </Radix.Item>
  )
}

export function MenuLink({ href, download, children }: { href: string; download?: string; children: ReactNode }) {
  return (
    <Radix.Item className={styles.item} asChild>
      <a href={href} download={download} rel="noreferrer">
        {children}
      </a>
    </Radix.Item>
  )
}

export function MenuSeparator() {
  return <Radix.Separator className={styles.separator} />
}
