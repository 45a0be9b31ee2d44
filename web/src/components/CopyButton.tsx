import { Button } from './Button'
import { Icon } from './Icon'
import { useCopy } from './useCopy'

export function CopyButton({ text, label, testId }: { text: string; label: string; testId?: string }) {
  const { state, copy } = useCopy()
  return (
    <Button size="small" data-testid={testId} onClick={() => void copy(text)}>
      <Icon name={state === 'copied' ? 'check' : 'copy'} />
      <span aria-live="polite">
        {state === 'copied' ? 'Copied' : state === 'failed' ? 'Select and copy it by hand' : label}
      </span>
    </Button>
  )
}
