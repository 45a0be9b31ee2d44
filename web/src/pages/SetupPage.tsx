import { useState, type FormEvent } from 'react'
import { Link, useLocation, useNavigate } from 'react-router'
import { isApiError, messageOf } from '../api/client'
import { useSetup } from '../api/session'
import { Button } from '../components/Button'
import { CardPage } from '../components/CardPage'
import { Field } from '../components/Field'
import { Notice } from '../components/Notice'

const SHORTEST_PASSWORD = 10

/** `/setup#<secret>`: the first visitor with the printed link chooses the instructor's password. */
export function SetupPage() {
  const location = useLocation()
  const navigate = useNavigate()
  const setup = useSetup()
  const [name, setName] = useState('')
  const [password, setPassword] = useState('')
  const [problem, setProblem] = useState<string>()
  const secret = location.hash.slice(1)

  function submit(event: FormEvent) {
    event.preventDefault()
    if (setup.isPending) return
    if ([...password].length < SHORTEST_PASSWORD) {
      setProblem(`Use at least ${SHORTEST_PASSWORD} characters.`)
      return
    }
    setProblem(undefined)
    setup.mutate(
      { secret, password, ...(name.trim() === '' ? {} : { name: name.trim() }) },
      { onSuccess: () => navigate('/workshops', { replace: true }) },
    )
  }

  if (secret === '') {
    return (
      <CardPage title="This link is not complete">
        <p>
          The set-up link ends with a secret after “#”. Copy all of it from the terminal where the server was started.
        </p>
      </CardPage>
    )
  }
  const { error } = setup
  const fieldError = isApiError(error, 'invalid_input') ? error : null
  return (
    <CardPage title="Welcome to ClaraTeach" lead="Choose the instructor’s password. You will sign in with it.">
      <form noValidate onSubmit={submit} data-testid="setup-form">
        <Field
          label="Your name"
          autoComplete="name"
          hint="Optional. Shown in your own pages; learners don’t see it."
          value={name}
          error={fieldError?.details.field === 'name' ? fieldError.message : undefined}
          onChange={(event) => setName(event.currentTarget.value)}
        />
        <Field
          label="Password"
          type="password"
          autoComplete="new-password"
          hint={`At least ${SHORTEST_PASSWORD} characters.`}
          value={password}
          error={problem ?? (fieldError?.details.field === 'password' ? fieldError.message : undefined)}
          onChange={(event) => {
            setPassword(event.currentTarget.value)
            setProblem(undefined)
          }}
        />
        {isApiError(error, 'bad_setup_secret') ? (
          <Notice tone="error" action={<Link to="/signin">Sign in</Link>}>
            This set-up link was used already, or is of an earlier start of the server. If you know the password, sign in;
            otherwise <code>clarateach setup-link</code>, on the server’s machine, shows the one that works.
          </Notice>
        ) : (
          error && !fieldError?.details.field && <Notice tone="error">{messageOf(error)}</Notice>
        )}
        <Button type="submit" look="primary" busy={setup.isPending}>
          Set password and go on
        </Button>
      </form>
    </CardPage>
  )
}
