import { useQuery } from '@tanstack/react-query'
import type { ReactNode } from 'react'
import { Navigate, useLocation } from 'react-router'
import { messageOf } from '../../api/client'
import { sessionQuery } from '../../api/session'
import { Failed, Loading } from '../../components/State'

/** Shows its children to a signed-in instructor, and the way to sign in to everybody else. */
export function RequireInstructor({ children }: { children: ReactNode }) {
  const session = useQuery(sessionQuery)
  const location = useLocation()
  if (session.data?.state === 'signed_in') return children
  if (session.data?.state === 'setup_required') return <Navigate to="/" replace />
  if (session.data?.state === 'signed_out') {
    return <Navigate to="/signin" replace state={{ from: location.pathname }} />
  }
  if (session.isError) {
    return (
      <Failed
        title="ClaraTeach does not answer"
        message={messageOf(session.error)}
        onRetry={() => void session.refetch()}
      />
    )
  }
  return <Loading />
}
