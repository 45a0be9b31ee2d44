import { useQuery } from '@tanstack/react-query'
import { useState } from 'react'
import { Link, useNavigate } from 'react-router'
import { messageOf } from '../api/client'
import type { Workshop } from '../api/types'
import { useAllEvents } from '../api/events'
import { FALLBACK_POLL_MS, workshopsQuery } from '../api/workshops'
import { Badge } from '../components/Badge'
import { Button } from '../components/Button'
import { Icon } from '../components/Icon'
import { Notice } from '../components/Notice'
import { Failed, Loading, State } from '../components/State'
import { ConsoleShell } from '../modules/console/ConsoleShell'
import { CreateWorkshopDialog } from '../modules/console/CreateWorkshopDialog'
import { EndAllWorkshops } from '../modules/console/EndAllWorkshops'
import { StreamNote } from '../modules/console/StreamNote'
import { timeOfDay, WORKSHOP_STATUS } from '../modules/console/words'
import { WorkshopProgress } from '../modules/console/WorkshopProgress'
import styles from '../modules/console/console.module.css'

export function WorkshopsPage() {
  const navigate = useNavigate()
  const stream = useAllEvents()
  const workshops = useQuery({ ...workshopsQuery, refetchInterval: stream === 'live' ? false : FALLBACK_POLL_MS })
  const [creating, setCreating] = useState(false)
  const create = (
    <Button look="primary" data-testid="create-workshop" onClick={() => setCreating(true)}>
      <Icon name="add" /> Create workshop
    </Button>
  )
  return (
    <ConsoleShell>
      <div className={styles.head}>
        <h1>Workshops</h1>
        <StreamNote state={stream} />
        <span className={styles.spacer} />
        {workshops.data && workshops.data.length > 1 && <EndAllWorkshops workshops={workshops.data} />}
        {workshops.data && workshops.data.length > 0 && create}
      </div>
      {workshops.data ? (
        <>
          {workshops.isError && <Notice tone="warn">Not up to date: {messageOf(workshops.error)}</Notice>}
          {workshops.data.length === 0 ? (
            <State title="No workshops yet" action={create} testId="workshops-empty">
              Create one with as many seats as you have learners. You get a code that they join with.
            </State>
          ) : (
            <ul className={styles.workshops}>
              {workshops.data.map((workshop) => (
                <WorkshopCard key={workshop.id} workshop={workshop} />
              ))}
            </ul>
          )}
        </>
      ) : workshops.isError ? (
        <Failed
          title="The workshops did not load"
          message={messageOf(workshops.error)}
          onRetry={() => void workshops.refetch()}
        />
      ) : (
        <Loading label="Loading workshops…" />
      )}
      <CreateWorkshopDialog
        open={creating}
        onOpenChange={setCreating}
        onCreated={(workshop) => navigate(`/workshops/${workshop.id}`)}
      />
    </ConsoleShell>
  )
}

function WorkshopCard({ workshop }: { workshop: Workshop }) {
  const { label, tone } = WORKSHOP_STATUS[workshop.status]
  const taken = workshop.seats.filter((seat) => seat.learner).length
  const failed = workshop.seats.filter((seat) => seat.status === 'failed').length
  return (
    <li className={styles.workshop} data-testid="workshop-card" data-status={workshop.status}>
      <div className={styles.workshopHead}>
        <h2>
          <Link to={`/workshops/${workshop.id}`}>
            <bdi>{workshop.name}</bdi>
          </Link>
        </h2>
        <Badge tone={tone}>{label}</Badge>
      </div>
      <div className={styles.facts}>
        <span>
          Code <span className={styles.smallCode}>{workshop.code}</span>
        </span>
        {workshop.status === 'scheduled' && workshop.starts_at && <span>Opens {timeOfDay(workshop.starts_at)}</span>}
        <span>
          {taken} of {workshop.seats.length} {workshop.seats.length === 1 ? 'seat' : 'seats'} taken
        </span>
        {failed > 0 && <Badge tone="danger">{failed} failed</Badge>}
        {workshop.idle?.ends_at && !workshop.warning && <span>Nobody uses it: ends {timeOfDay(workshop.idle.ends_at)}</span>}
        {workshop.warning && <Badge tone="warn">{`Ends ${timeOfDay(workshop.ends_at)}`}</Badge>}
      </div>
      <WorkshopProgress workshop={workshop} />
    </li>
  )
}
