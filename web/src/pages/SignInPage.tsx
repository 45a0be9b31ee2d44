import { useQuery } from '@tanstack/react-query'
import { useState, type FormEvent } from 'react'
import { Link, Navigate, useLocation, useNavigate } from 'react-router'
import { isApiError, messageOf, type ApiError } from '../api/client'
import { sessionQuery, useSignIn } from '../api/session'
import { Button } from '../components/Button'
import { CardPage } from '../components/CardPage'
import { Field } from '../components/Field'
import { Notice } from '../components/Notice'

export function SignInPage() {
  const location = useLocation()
  const navigate = useNavigate()
  const session = useQuery(sessionQuery)
  const signIn = useSignIn()
  const [password, setPassword] = useState('')
  const from = originOf(location.state)

  if (session.data?.state === 'setup_required') return <Navigate to="/" replace />
  if (session.data?.state === 'signed_in') return <Navigate to={from} replace />

  function submit(event: FormEvent) {
    event.preventDefault()
    if (signIn.isPending || password === '') return
    signIn.mutate({ password }, { onSuccess: () => navigate(from, { replace: true }) })
  }

  const { error } = signIn
  const isWrong = isApiError(error, 'bad_credentials')
  return (
    <CardPage
      title="Instructor sign-in"
      footer={
        <p>
          Learner? <Link to="/join">Join with your code</Link>
        </p>
      }
    >
      <form noValidate onSubmit={submit} data-testid="signin-form">
        <Field
          label="Password"
          type="password"
          autoComplete="current-password"
          value={password}
          error={isWrong ? 'This is not the password.' : undefined}
          onChange={(event) => setPassword(event.currentTarget.value)}
        />
        {error && !isWrong && <Notice tone="error">{isApiError(error) ? sentenceFor(error) : messageOf(error)}</Notice>}
        <Button type="submit" look="primary" busy={signIn.isPending} disabled={password === ''}>
          Sign in
        </Button>
      </form>
    </CardPage>
  )
}

function sentenceFor(error: ApiError): string {
  if (error.status !== 429) return error.message
  const { retryAfter } = error.details
  return `Too many tries. Wait ${retryAfter === undefined ? 'a minute' : `${retryAfter} seconds`}, then try again.`
}

/** Where the visitor wanted to go; only ever a path of ours. */
function originOf(state: unknown): string {
  const from = typeof state === 'object' && state !== null && 'from' in state ? state.from : undefined
  return typeof from === 'string' && from.startsWith('/workshops') ? from : '/workshops'
}
