import type { ComponentProps } from 'react'
import { Spinner } from './Spinner'
import styles from './Button.module.css'

interface Props extends ComponentProps<'button'> {
  look?: 'primary' | 'plain' | 'danger' | 'quiet'
  size?: 'normal' | 'small' | 'icon'
  /** Keeps its width and focus, shows that it is at work, and takes no second press. */
  busy?: boolean
}

export function Button({
  look = 'plain',
  size = 'normal',
  busy = false,
  className,
  children,
  onClick,
  ...rest
}: Props) {
  return (
    <button
      type="button"
      {...rest}
      className={[styles.button, styles[look], styles[size], className].filter(Boolean).join(' ')}
      aria-busy={busy || undefined}
      aria-disabled={busy || undefined}
      onClick={(event) => {
        if (busy) event.preventDefault()
        else onClick?.(event)
      }}
    >
      {busy && <Spinner />}
      {children}
    </button>
  )
}
