import { useQuery } from '@tanstack/react-query'
import { Link, Navigate } from 'react-router'
import { messageOf } from '../api/client'
import { sessionQuery } from '../api/session'
import { CardPage } from '../components/CardPage'
import { Failed, Loading } from '../components/State'
import buttons from '../components/Button.module.css'

/** Sends everybody where they belong; before the first set-up it says where the way in is printed. */
export function HomePage() {
  const session = useQuery(sessionQuery)
  if (session.isError) {
    return (
      <Failed
        title="ClaraTeach does not answer"
        message={messageOf(session.error)}
        onRetry={() => void session.refetch()}
      />
    )
  }
  switch (session.data?.state) {
    case undefined:
      return <Loading />
    case 'signed_in':
      return <Navigate to="/workshops" replace />
    case 'signed_out':
      return <Navigate to="/signin" replace />
    case 'setup_required':
      return (
        <CardPage title="Almost there" lead="Nobody has set the instructor’s password yet.">
          <p>
            The server printed a one-time set-up link in the terminal where it was started. Open that link to choose the
            password. <code>clarateach setup-link</code>, on the server’s machine, shows it again.
          </p>
          <Link to="/join" className={`${buttons.button} ${buttons.plain}`}>
            I am a learner: join a workshop
          </Link>
        </CardPage>
      )
  }
}
