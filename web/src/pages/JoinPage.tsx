import { useMutation } from '@tanstack/react-query'
import { useEffect, useRef, useState, type FormEvent } from 'react'
import { useLocation, useNavigate } from 'react-router'
import { formatJoinCode, isJoinCode, randomId } from '../api/ids'
import { showReach } from '../api/reach'
import { Button } from '../components/Button'
import { CardPage } from '../components/CardPage'
import { Field } from '../components/Field'
import { Notice } from '../components/Notice'
import { Spinner } from '../components/Spinner'
import { continueAsLearner, joinAsLearner, seatPath } from '../modules/auth/enterSeat'
import { forgetSeatRecord, learnerRecordFor, type LearnerRecord } from '../modules/auth/seatRecords'
import { joinProblem, reasonSentence } from './joinSentences'
import styles from './JoinPage.module.css'

type Attempt =
  { type: 'join'; name: string; code: string; reconnectCode: string } | { type: 'continue'; record: LearnerRecord }

export function JoinPage() {
  const location = useLocation()
  const navigate = useNavigate()
  const [code, setCode] = useState(() => formatJoinCode(location.hash.slice(1)))
  const [name, setName] = useState('')
  const [reconnectCode, setReconnectCode] = useState('')
  const [localErrors, setLocalErrors] = useState<{ code?: string; name?: string }>({})
  const [notMe, setNotMe] = useState(false)
  const [wait, setWait] = useState<{ sentence: string; afterMs: number } | null>(null)
  const known = isJoinCode(code) && !notMe ? learnerRecordFor(code) : null

  // The instructor's dashboard shows whether devices in the room get through.
  useEffect(showReach, [])

  // A link with another code, pasted into this tab.
  const [hash, setHash] = useState(location.hash)
  if (hash !== location.hash) {
    setHash(location.hash)
    if (location.hash !== '') setCode(formatJoinCode(location.hash.slice(1)))
  }

  // One id for one try of one person: repeating it, however often, takes one seat.
  const request = useRef({ for: '', id: '' })
  function requestIdFor(key: string): string {
    if (request.current.for !== key) request.current = { for: key, id: randomId() }
    return request.current.id
  }

  const enter = useMutation({
    mutationFn: (attempt: Attempt) =>
      attempt.type === 'continue'
        ? continueAsLearner(attempt.record)
        : joinAsLearner({
            code: attempt.code,
            name: attempt.name,
            request_id: requestIdFor(`${attempt.code} ${attempt.name}`),
            ...(attempt.reconnectCode === '' ? {} : { reconnect_code: attempt.reconnectCode }),
          }),
    onSuccess: (record) => navigate(seatPath(record), { replace: true }),
    onError: (error) => {
      const found = joinProblem(error)
      setWait(found.kind === 'wait' ? found : null)
    },
  })
  const problem = enter.error ? joinProblem(enter.error) : null
  const waiting = wait !== null

  function giveUp() {
    setWait(null)
    enter.reset()
  }

  // What works by itself is tried again by itself, for as long as this page is open.
  const { mutate, variables } = enter
  useEffect(() => {
    if (wait === null || variables === undefined) return
    const timer = setTimeout(() => mutate(variables), wait.afterMs)
    return () => clearTimeout(timer)
  }, [wait, variables, mutate])

  function submit(event: FormEvent) {
    event.preventDefault()
    if (enter.isPending) return
    const errors: typeof localErrors = {}
    if (!isJoinCode(code)) errors.code = 'A join code has eight letters and digits, like 7K3Q-9XWD.'
    if (name.trim() === '') errors.name = 'Tell us the name that your instructor will see.'
    setLocalErrors(errors)
    if (errors.code ?? errors.name) return
    mutate({ type: 'join', code: formatJoinCode(code), name: name.trim(), reconnectCode: reconnectCode.trim() })
  }

  const fieldError = (field: 'code' | 'name' | 'reconnect_code') =>
    problem?.kind === 'field' && problem.field === field ? problem.sentence : undefined
  const reason = reasonSentence(location.state)

  return (
    <CardPage title="Join a workshop" lead="No account needed.">
      {reason && <Notice tone="warn">{reason}</Notice>}
      {known ? (
        <div className={styles.known} data-testid="continue-as">
          <p>
            You were here before, in <strong>{known.workshopName}</strong>.
          </p>
          <Button
            look="primary"
            data-testid="continue-button"
            busy={enter.isPending || waiting}
            onClick={() => mutate({ type: 'continue', record: known })}
          >
            <span>
              Continue as <bdi>{known.name}</bdi> (seat {known.seat})
            </span>
          </Button>
          <Button
            look="quiet"
            onClick={() => {
              giveUp()
              setNotMe(true)
            }}
          >
            Not you? Join as someone else
          </Button>
          {problem?.kind === 'field' && (
            <Notice
              tone="error"
              action={
                <Button
                  size="small"
                  onClick={() => {
                    forgetSeatRecord(known)
                    enter.reset()
                    setNotMe(true)
                  }}
                >
                  Join anew
                </Button>
              }
            >
              This seat is no longer yours.
            </Notice>
          )}
        </div>
      ) : (
        <form noValidate onSubmit={submit} data-testid="join-form">
          <Field
            label="Join code"
            className={styles.code}
            placeholder="XXXX-XXXX"
            autoComplete="off"
            autoCapitalize="characters"
            spellCheck={false}
            value={code}
            error={localErrors.code ?? fieldError('code')}
            onChange={(event) => {
              setCode(formatJoinCode(event.currentTarget.value))
              setLocalErrors(({ name: nameError }) => (nameError ? { name: nameError } : {}))
              if (problem) giveUp()
            }}
          />
          <Field
            label="Your name"
            autoComplete="name"
            maxLength={200}
            value={name}
            error={localErrors.name ?? fieldError('name')}
            onChange={(event) => {
              setName(event.currentTarget.value)
              setLocalErrors(({ code: codeError }) => (codeError ? { code: codeError } : {}))
            }}
          />
          <details open={reconnectCode !== '' || undefined}>
            <summary>I joined before, on another device</summary>
            <div className={styles.more}>
              <Field
                label="Reconnect code"
                autoComplete="off"
                spellCheck={false}
                hint="It is in the menu under your name, on the device where you joined."
                value={reconnectCode}
                error={fieldError('reconnect_code')}
                onChange={(event) => setReconnectCode(event.currentTarget.value)}
              />
            </div>
          </details>
          <Button type="submit" look="primary" busy={enter.isPending || waiting}>
            {waiting ? 'Waiting…' : 'Join'}
          </Button>
        </form>
      )}
      {problem?.kind === 'sentence' && (
        <Notice tone="error" testId="join-problem">
          {problem.sentence}
        </Notice>
      )}
      {wait && (
        <Notice
          testId="join-waiting"
          action={
            <Button size="small" onClick={giveUp}>
              Stop waiting
            </Button>
          }
        >
          <Spinner label={wait.sentence} />
        </Notice>
      )}
    </CardPage>
  )
}
