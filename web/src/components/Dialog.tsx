import * as Radix from '@radix-ui/react-dialog'
import { useRef, type ReactNode } from 'react'
import { Button } from './Button'
import { Icon } from './Icon'
import styles from './Dialog.module.css'

interface Props {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  description?: ReactNode
  children: ReactNode
  role?: 'dialog' | 'alertdialog'
  /** `full` takes the whole window: for what is read from afar. */
  size?: 'normal' | 'full'
  testId?: string
  /** Asked when it closes: `false` leaves the focus to what the person chose in it. */
  returnsFocus?: () => boolean
}

export function Dialog({
  open,
  onOpenChange,
  title,
  description,
  children,
  role = 'dialog',
  size = 'normal',
  testId,
  returnsFocus,
}: Props) {
  const before = useRef<HTMLElement>(null)
  return (
    <Radix.Root open={open} onOpenChange={onOpenChange}>
      <Radix.Portal>
        <Radix.Overlay className={styles.overlay} />
        <Radix.Content
          className={[styles.content, styles[size]].join(' ')}
          role={role}
          data-testid={testId}
          onOpenAutoFocus={() => {
            const { activeElement } = document
            before.current = activeElement instanceof HTMLElement ? activeElement : null
          }}
          onCloseAutoFocus={(event) => {
            // Radix gives it back to a trigger of its own only, and these dialogs have none.
            event.preventDefault()
            if (returnsFocus?.() !== false) before.current?.focus()
          }}
          {...(description === undefined ? { 'aria-describedby': undefined } : {})}
        >
          <Radix.Title className={styles.title}>{title}</Radix.Title>
          {description !== undefined && (
            <Radix.Description className={styles.description}>{description}</Radix.Description>
          )}
          {children}
          {/* Last, so that a form's first field or the harmless button gets the focus. */}
          <Radix.Close asChild>
            <Button look="quiet" size="icon" className={styles.close} aria-label="Close">
              <Icon name="close" />
            </Button>
          </Radix.Close>
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}

export function DialogActions({ children }: { children: ReactNode }) {
  return <div className={styles.actions}>{children}</div>
}

interface ConfirmProps {
  open: boolean
  onOpenChange: (open: boolean) => void
  title: string
  description: ReactNode
  confirm: string
  onConfirm: () => void
  busy?: boolean
  error?: string | undefined
  testId?: string
}

/** For what cannot be undone. The harmless button comes first, and so gets the focus. */
export function ConfirmDialog({ confirm, onConfirm, busy = false, error, ...dialog }: ConfirmProps) {
  return (
    <Dialog role="alertdialog" {...dialog}>
      {error && (
        <p className={styles.error} role="alert">
          {error}
        </p>
      )}
      <DialogActions>
        <Button onClick={() => dialog.onOpenChange(false)}>Cancel</Button>
        <Button look="danger" busy={busy} onClick={onConfirm}>
          {confirm}
        </Button>
      </DialogActions>
    </Dialog>
  )
}
