import * as Radix from '@radix-ui/react-tooltip'
import type { ReactElement } from 'react'
import styles from './Tooltip.module.css'

export const TooltipProvider = Radix.Provider

/** A hint for sighted people; the trigger keeps an accessible name of its own. */
export function Tooltip({
  text,
  side = 'bottom',
  children,
}: {
  text: string
  side?: 'bottom' | 'right' | 'top'
  children: ReactElement
}) {
  return (
    <Radix.Root delayDuration={450}>
      <Radix.Trigger asChild>{children}</Radix.Trigger>
      <Radix.Portal>
        <Radix.Content className={styles.tooltip} side={side} sideOffset={5} collisionPadding={6}>
          {text}
        </Radix.Content>
      </Radix.Portal>
    </Radix.Root>
  )
}
