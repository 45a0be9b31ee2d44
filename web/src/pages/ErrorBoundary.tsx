import { Component, type ReactNode } from 'react'
import { Failed } from '../components/State'

interface State {
  failed: boolean
}

/** The last resort for a bug of ours, or a chunk that did not load after an update of the server. */
export class ErrorBoundary extends Component<{ children: ReactNode }, State> {
  override state: State = { failed: false }

  static getDerivedStateFromError(): State {
    return { failed: true }
  }

  override render() {
    if (!this.state.failed) return this.props.children
    return (
      <Failed
        title="This page stumbled"
        message="Reloading usually helps. What runs on your seat is not affected."
        onRetry={() => window.location.reload()}
      />
    )
  }
}
