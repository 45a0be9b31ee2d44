import { State } from '../../components/State'

export function BrowserPlaceholder() {
  return (
    <section aria-label="Browser" style={{ height: '100%' }}>
      <State title="The browser is off for this workshop">
        Your instructor can turn it on for a next one. Terminal and editor are not affected.
      </State>
    </section>
  )
}
