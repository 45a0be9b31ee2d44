// Routes. Pages that need an instructor say so here, in one place.

import { QueryCache, QueryClient, QueryClientProvider, MutationCache } from '@tanstack/react-query'
import { lazy, Suspense } from 'react'
import { BrowserRouter, Route, Routes } from 'react-router'
import { backoffDelay } from './api/backoff'
import { isApiError, isPassing } from './api/client'
import { loadPart } from './api/parts'
import { setSession } from './api/session'
import { Loading } from './components/State'
import { TooltipProvider } from './components/Tooltip'
import { RequireInstructor } from './modules/auth/RequireInstructor'
import { ErrorBoundary } from './pages/ErrorBoundary'
import { HomePage } from './pages/HomePage'
import { JoinPage } from './pages/JoinPage'
import { NotFoundPage } from './pages/NotFoundPage'
import { SetupPage } from './pages/SetupPage'
import { SignInPage } from './pages/SignInPage'
import { WorkshopPage } from './pages/WorkshopPage'
import { WorkshopsPage } from './pages/WorkshopsPage'

const SeatPage = lazy(async () => ({ default: (await loadPart(() => import('./pages/SeatPage'))).SeatPage }))

/** An instructor's call that is no longer taken from us: the pages find out at once and ask to sign in. */
function onError(error: unknown, key: readonly unknown[] | undefined) {
  if (key?.[0] === 'workshops' && isApiError(error, 'unauthenticated')) setSession(queryClient, { state: 'signed_out' })
}

const queryClient: QueryClient = new QueryClient({
  queryCache: new QueryCache({ onError: (error, query) => onError(error, query.queryKey) }),
  mutationCache: new MutationCache({
    onError: (error, _variables, _context, mutation) => onError(error, mutation.options.mutationKey),
  }),
  defaultOptions: {
    queries: {
      // A refusal stays one; a server or a seat that is not there just now is worth asking again.
      retry: (failures, error) => failures < 4 && isPassing(error),
      retryDelay: (failures, error) =>
        isApiError(error) && error.details.retryAfter !== undefined
          ? error.details.retryAfter * 1000
          : backoffDelay(failures),
      networkMode: 'always',
    },
    mutations: { networkMode: 'always' },
  },
})

export function App() {
  return (
    <ErrorBoundary>
      <QueryClientProvider client={queryClient}>
        <TooltipProvider>
          <BrowserRouter>
            <Suspense fallback={<Loading />}>
              <Routes>
                <Route path="/" element={<HomePage />} />
                <Route path="/setup" element={<SetupPage />} />
                <Route path="/signin" element={<SignInPage />} />
                <Route path="/join" element={<JoinPage />} />
                <Route path="/seat/:workshop/:seat" element={<SeatPage />} />
                <Route
                  path="/workshops"
                  element={
                    <RequireInstructor>
                      <WorkshopsPage />
                    </RequireInstructor>
                  }
                />
                <Route
                  path="/workshops/:workshop"
                  element={
                    <RequireInstructor>
                      <WorkshopPage />
                    </RequireInstructor>
                  }
                />
                <Route path="*" element={<NotFoundPage />} />
              </Routes>
            </Suspense>
          </BrowserRouter>
        </TooltipProvider>
      </QueryClientProvider>
    </ErrorBoundary>
  )
}
