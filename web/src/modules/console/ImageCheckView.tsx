import { asSentence, messageOf } from '../../api/client'
import { useCheckImage } from '../../api/images'
import type { ImageCheck, ImageFinding } from '../../api/types'
import { Badge, type Tone } from '../../components/Badge'
import { Button } from '../../components/Button'
import { Spinner } from '../../components/Spinner'
import styles from './image.module.css'

const LEVELS: Record<ImageFinding['level'], { label: string; tone: Tone }> = {
  good: { label: 'Good', tone: 'ok' },
  warning: { label: 'Lacks', tone: 'warn' },
  error: { label: 'Unusable', tone: 'danger' },
}

/** What an image that somebody typed brings and lacks, before a class finds out. */
export function ImageCheckView({ image, isRefused }: { image: string; isRefused: boolean }) {
  const check = useCheckImage()
  const name = image.trim()
  if (name === '') return null
  const isOfThis = check.variables?.image === name
  const ask = (wantsSeat: boolean) => check.mutate({ image: name, try: wantsSeat })
  return (
    <div className={styles.check} data-testid="image-check">
      <div className={styles.buttons}>
        <Button size="small" busy={check.isPending && check.variables?.try === false} onClick={() => ask(false)}>
          What does it lack?
        </Button>
        <Button size="small" busy={check.isPending && check.variables?.try === true} onClick={() => ask(true)}>
          Try one seat
        </Button>
      </div>
      {check.isPending && <Spinner label="Looking… An image that is not here is fetched first, which may take minutes." />}
      {/* What the field says already is said once. */}
      {isOfThis && check.error && !isRefused && (
        <p className={styles.problem} role="alert">
          {messageOf(check.error)}
        </p>
      )}
      {isOfThis && check.data && <Report check={check.data} />}
    </div>
  )
}

function Report({ check }: { check: ImageCheck }) {
  const facts = [
    check.architecture,
    typeof check.size_mb !== 'number' ? undefined : `${check.size_mb.toLocaleString()} MB`,
  ].filter(Boolean)
  return (
    <div role="status" className={styles.report} data-testid="image-report" data-usable={check.usable}>
      <p>
        <strong>{check.usable ? 'Seats can be made of it.' : 'No seat can be made of it.'}</strong>
        {facts.length > 0 && <span className={styles.facts}> {facts.join(', ')}</span>}
      </p>
      {check.tried && (
        <p data-testid="image-tried">
          {check.tried.works
            ? `One seat was made, answered after ${check.tried.seconds} s, and is removed again.`
            : `The seat that was tried did not work: ${asSentence(check.tried.reason?.message ?? 'nobody knows why')}`}
        </p>
      )}
      <ul className={styles.findings}>
        {check.findings.map((finding) => (
          <li key={finding.code}>
            <Badge tone={LEVELS[finding.level].tone}>{LEVELS[finding.level].label}</Badge>
            <span>
              {asSentence(finding.message)}
              {finding.remedy && <span className={styles.facts}> {asSentence(finding.remedy)}</span>}
            </span>
          </li>
        ))}
      </ul>
    </div>
  )
}
