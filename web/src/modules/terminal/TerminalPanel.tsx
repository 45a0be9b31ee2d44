import { useMutation, useQuery, useQueryClient } from '@tanstack/react-query'
import { useMemo, useState } from 'react'
import { messageOf } from '../../api/client'
import { createTerminal, deleteTerminal, listTerminals, seatSocketUrl, type SeatAddress } from '../../api/seat'
import { Button } from '../../components/Button'
import { Icon } from '../../components/Icon'
import { Notice } from '../../components/Notice'
import { TabStrip } from '../../components/TabStrip'
import { Tooltip } from '../../components/Tooltip'
import type { SeatSession } from '../auth/seatSession'
import type { SeatLink } from './socket'
import { MAIN, mergeTabs, tabAfterClosing, tabLabel, tabTooltip } from './tabs'
import { TerminalView } from './TerminalView'
import styles from './TerminalPanel.module.css'

/** A terminal that another device made or closed shows up here after this long at most. */
const REFRESH_MS = 5_000

interface Props {
  address: SeatAddress
  session: SeatSession
  generation: number
  canType: boolean
  onOutput: () => void
}

export function TerminalPanel({ address, session, generation, canType, onOutput }: Props) {
  const client = useQueryClient()
  const { endpoint, seat } = address
  const queryKey = ['terminals', endpoint, seat, generation]
  const list = useQuery({
    queryKey,
    queryFn: ({ signal }) => listTerminals({ endpoint, seat }, signal),
    refetchInterval: REFRESH_MS,
  })

  const [tabs, setTabs] = useState<string[]>([MAIN])
  const [active, setActive] = useState(MAIN)
  const [titles, setTitles] = useState<Record<string, string>>({})
  const [ended, setEnded] = useState<ReadonlySet<string>>(new Set())

  // The seat's list, merged in when it changes: a derived state with a memory of its order.
  const [merged, setMerged] = useState(list.data)
  if (list.data !== merged) {
    setMerged(list.data)
    if (list.data) {
      const next = mergeTabs(
        tabs,
        list.data.map((terminal) => terminal.name),
        ended,
      )
      setTabs(next)
      if (!next.includes(active)) setActive(tabAfterClosing(tabs, active))
    }
  }

  const link = useMemo<SeatLink>(
    () => ({
      url: (query) => seatSocketUrl({ endpoint, seat }, 'terminal', query),
      mode: () => session.mode,
      check: () => session.mayTry(),
      stillExists: async (name) => {
        try {
          return (await listTerminals({ endpoint, seat })).some((terminal) => terminal.name === name)
        } catch {
          return true
        }
      },
    }),
    [endpoint, seat, session],
  )

  const create = useMutation({
    mutationFn: () => createTerminal(address),
    onSuccess: ({ name }) => {
      setTabs((before) => (before.includes(name) ? before : [...before, name]))
      setActive(name)
      void client.invalidateQueries({ queryKey })
    },
  })

  const remove = useMutation({
    mutationFn: (name: string) => deleteTerminal(address, name),
    onSuccess: (_, name) => closeTab(name),
    onSettled: () => client.invalidateQueries({ queryKey }),
  })

  function closeTab(name: string) {
    if (active === name) setActive(tabAfterClosing(tabs, name))
    setTabs((before) => before.filter((other) => other !== name))
    setEnded((before) => new Set([...before].filter((other) => other !== name)))
  }

  // Before the first frame of its own, a terminal is called what the seat's list says.
  const titleOf = (name: string) =>
    titles[name] ?? list.data?.find((terminal) => terminal.name === name)?.title ?? ''

  const shown = tabs.includes(active) ? active : MAIN
  const failure = create.error ?? remove.error
  return (
    <section className={styles.panel} aria-label="Terminals">
      <TabStrip
        label="Terminals"
        tabs={tabs.map((name) => ({
          id: name,
          label: tabLabel(name, titleOf(name)),
          title: tabTooltip(name, titleOf(name)),
          closeLabel: `Close terminal ${name}`,
          canClose: canType && name !== MAIN,
        }))}
        active={shown}
        onActivate={setActive}
        onClose={(name) => remove.mutate(name)}
        actions={
          canType && (
            <Tooltip text="New terminal">
              <Button
                look="quiet"
                size="icon"
                aria-label="New terminal"
                data-testid="terminal-new"
                busy={create.isPending}
                onClick={() => create.mutate()}
              >
                {!create.isPending && <Icon name="add" />}
              </Button>
            </Tooltip>
          )
        }
      />
      {failure && (
        <Notice
          tone="error"
          action={
            <Button
              size="small"
              onClick={() => {
                create.reset()
                remove.reset()
              }}
            >
              Dismiss
            </Button>
          }
        >
          {messageOf(failure)}
        </Notice>
      )}
      <div className={styles.screens}>
        {tabs.map((name) => (
          <TerminalView
            key={name}
            name={name}
            link={link}
            active={name === shown}
            canType={canType}
            onTitle={(title) => setTitles((before) => ({ ...before, [name]: title }))}
            onOutput={onOutput}
            onAttached={() => void client.invalidateQueries({ queryKey })}
            onEnded={() => setEnded((before) => new Set(before).add(name))}
            onClosed={() => {
              closeTab(name)
              void client.invalidateQueries({ queryKey })
            }}
          />
        ))}
      </div>
    </section>
  )
}
