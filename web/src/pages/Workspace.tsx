import { useEffect, useRef, useState } from 'react'
import { Group, Panel, Separator, useDefaultLayout, usePanelRef } from 'react-resizable-panels'
import type { End } from '../api/seat'
import { Button } from '../components/Button'
import { Notice } from '../components/Notice'
import type { SeatRecord } from '../modules/auth/seatRecords'
import type { SeatSession, SeatState } from '../modules/auth/seatSession'
import { BrowserPanel } from '../modules/browser/BrowserPanel'
import { EditorPanel } from '../modules/editor/EditorPanel'
import { useEditor } from '../modules/editor/useEditor'
import { FileTree } from '../modules/files/FileTree'
import { useLiveFiles } from '../modules/files/useLiveFiles'
import { useRefreshFiles } from '../modules/files/useFiles'
import { PortsPanel } from '../modules/ports/PortsPanel'
import { seatStorage } from '../modules/auth/seatStorage'
import { StatusBar } from '../modules/resources/StatusBar'
import { useResources } from '../modules/resources/useResources'
import { QuickOpen } from '../modules/search/QuickOpen'
import { SearchPanel } from '../modules/search/SearchPanel'
import { TerminalPanel } from '../modules/terminal/TerminalPanel'
import { EndNotice } from './workspace/EndNotice'
import { ActivityBar, type PaneName, type SideName } from './workspace/ActivityBar'
import { FreshNotice } from './workspace/FreshNotice'
import { ReconnectNote } from './workspace/ReconnectNote'
import { TopBar } from './workspace/TopBar'
import { WatchNotice } from './workspace/WatchNotice'
import { useQuietly } from './workspace/useQuietly'
import { useWorkspaceKeys } from './workspace/useWorkspaceKeys'
import styles from './workspace/workspace.module.css'

interface Props {
  record: SeatRecord
  session: SeatSession
  state: SeatState
  generation: number
  /** Of the workshop, as last told. */
  end: End | null
  /** What is in front first. */
  firstPane?: 'browser' | undefined
}

export function Workspace({ record, session, state, generation, end, firstPane }: Props) {
  const canChange = session.mode === 'control'
  // On a narrow screen, the pane that is shown; on a wide one, which of the two shares the centre.
  const [pane, setPane] = useState<PaneName>(firstPane ?? 'terminal')
  const [centre, setCentre] = useState<'editor' | 'browser'>(firstPane ?? 'editor')
  const [browserUsed, setBrowserUsed] = useState(firstPane === 'browser')
  const root = useRef<HTMLDivElement>(null)
  const [side, setSide] = useState<SideName>('files')
  const [sideOpen, setSideOpen] = useState(true)
  const [searchAsked, setSearchAsked] = useState(0)
  const [goingToFile, setGoingToFile] = useState(false)
  const [terminalOpen, setTerminalOpen] = useState(true)
  const [portsOpen, setPortsOpen] = useState(false)
  const [portsUsed, setPortsUsed] = useState(false)
  const [portWish, setPortWish] = useState<{ port: number; number: number } | null>(null)
  const sidePanel = usePanelRef()
  const portsPanel = usePanelRef()
  const terminalPanel = usePanelRef()

  const refreshFiles = useRefreshFiles(record)
  const { editor, documents } = useEditor(record, () => void refreshFiles())
  const live = useLiveFiles({
    address: record,
    generation,
    check: () => session.mayTry(),
    onEvents: (events) => void editor.outside(events),
  })
  const [storage] = useState(() => seatStorage(record))
  const { stats, killed, dismissKilled } = useResources(record, generation, storage)
  const columns = useDefaultLayout({ id: 'clarateach.layout.columns', storage: localStorage })
  const centreColumns = useDefaultLayout({ id: 'clarateach.layout.centre', storage: localStorage })
  const rows = useDefaultLayout({ id: 'clarateach.layout.rows', storage: localStorage })

  // Programs change files: while no news of it comes, the tree and the open file catch up after a burst of output.
  const onOutput = useQuietly(() => {
    if (live) return
    void refreshFiles()
    void editor.catchUp()
  })

  // Tabs come back with the first session, and again when a reset gave the seat new files.
  useEffect(() => {
    editor.restore()
    void editor.catchUp()
  }, [editor, generation])

  useWorkspaceKeys(root, {
    onSave: () => {
      const { active } = editor.getState()
      if (active !== null && canChange) void editor.save(active)
    },
    onSearch: () => {
      showSide('search')
      setSearchAsked((before) => before + 1)
    },
    onGoToFile: () => setGoingToFile(true),
  })

  function showSide(next: SideName) {
    setPane(next)
    setSide(next)
    if (!isNarrow()) sidePanel.current?.expand()
  }

  function choose(next: PaneName) {
    setPane(next)
    if (next === 'editor' || next === 'browser') setCentre(next)
    if (next === 'files' || next === 'search') {
      const isShown = next === side && sideOpen
      if (isShown && !isNarrow()) sidePanel.current?.collapse()
      else showSide(next)
      if (next === 'search' && (!isShown || isNarrow())) setSearchAsked((before) => before + 1)
    }
    if (next === 'ports') setPortsUsed(true)
    if (next === 'browser') setBrowserUsed(true)
    const panel = next === 'terminal' ? terminalPanel.current : next === 'ports' ? portsPanel.current : null
    if (!panel || isNarrow()) return
    if (!panel.isCollapsed()) panel.collapse()
    else if (next === 'ports') panel.resize('45%')
    else panel.expand()
  }

  function preview(port: number) {
    setPortWish((before) => ({ port, number: (before?.number ?? 0) + 1 }))
    setPortsUsed(true)
    setPane('ports')
    if (!isNarrow()) portsPanel.current?.resize('45%')
  }

  function showEditor() {
    setCentre('editor')
    if (isNarrow()) setPane('editor')
  }

  function goTo(path: string) {
    setGoingToFile(false)
    showEditor()
    void editor.openAndFocus(path)
  }

  return (
    <div ref={root} className={styles.workspace} data-pane={pane} data-testid="workspace" data-generation={generation}>
      <TopBar record={record} state={state} canChange={canChange} end={end} />
      <ActivityBar
        pane={pane}
        centre={centre}
        open={{ side: sideOpen ? side : null, terminal: terminalOpen, ports: portsOpen }}
        hasUnsaved={editor.hasUnsaved}
        onChoose={choose}
      />
      <main className={styles.body}>
        <SeatNotice record={record} state={state} canChange={canChange} />
        {record.role === 'learner' && <EndNotice address={record} end={end} />}
        <KilledNotice kills={killed} onDismiss={dismissKilled} />
        {record.role === 'learner' && <FreshNotice generation={generation} />}
        {record.role === 'learner' && <ReconnectNote record={record} />}
        <Group className={styles.group} orientation="horizontal" {...columns}>
          <Panel
            id="panel-files"
            panelRef={sidePanel}
            onResize={({ inPixels }) => setSideOpen(inPixels > 0)}
            defaultSize="20%"
            minSize="140px"
            maxSize="50%"
            collapsible
            data-pane-root="side"
          >
            <div className={styles.fill} hidden={side !== 'files'} data-view="files">
              <FileTree
                address={record}
                generation={generation}
                live={live}
                openPath={documents.active}
                canChange={canChange}
                onOpen={(path, size) => {
                  showEditor()
                  void editor.open(path, size)
                }}
                onMoved={(from, to) => editor.moved(from, to)}
                onDeleted={(path) => editor.deleted(path)}
                onGoToFile={() => setGoingToFile(true)}
              />
            </div>
            <div className={styles.fill} hidden={side !== 'search'} data-view="search">
              <SearchPanel
                address={record}
                generation={generation}
                asked={searchAsked}
                onOpen={(match) => {
                  showEditor()
                  void editor.openAt(match.path, match)
                }}
              />
            </div>
          </Panel>
          <Separator className={styles.columnHandle} aria-label="Width of the panel at the side" />
          <Panel id="panel-work" minSize="30%" data-pane-root="work">
            <Group className={styles.group} orientation="vertical" {...rows}>
              <Panel id="panel-centre" defaultSize="58%" minSize="80px" data-pane-root="centre">
                <Group className={styles.group} orientation="horizontal" {...centreColumns}>
                  <Panel id="panel-editor" minSize="25%" data-pane-root="editor">
                    <div className={styles.fill} hidden={centre !== 'editor'}>
                      <EditorPanel address={record} editor={editor} documents={documents} canChange={canChange} />
                    </div>
                    {browserUsed && (
                      <div className={styles.fill} hidden={centre !== 'browser'}>
                        <BrowserPanel
                          key={generation}
                          record={record}
                          generation={generation}
                          isShown={isNarrow() ? pane === 'browser' : centre === 'browser'}
                          canChange={canChange}
                          onPreview={preview}
                        />
                      </div>
                    )}
                  </Panel>
                  <Separator className={styles.columnHandle} aria-label="Width of the ports" disabled={!portsOpen} />
                  <Panel
                    id="panel-ports"
                    panelRef={portsPanel}
                    onResize={({ inPixels }) => {
                      setPortsOpen(inPixels > 0)
                      if (inPixels > 0) setPortsUsed(true)
                    }}
                    defaultSize="0%"
                    minSize="220px"
                    collapsible
                    data-pane-root="ports"
                  >
                    {portsUsed && (
                      <PortsPanel
                        record={record}
                        generation={generation}
                        isShown={isNarrow() ? pane === 'ports' : portsOpen}
                        canChange={canChange}
                        wish={portWish}
                      />
                    )}
                  </Panel>
                </Group>
              </Panel>
              <Separator className={styles.rowHandle} aria-label="Height of the terminal" />
              <Panel
                id="panel-terminal"
                panelRef={terminalPanel}
                onResize={({ inPixels }) => setTerminalOpen(inPixels > 0)}
                minSize="90px"
                collapsible
                data-pane-root="terminal"
              >
                <TerminalPanel
                  address={record}
                  session={session}
                  generation={generation}
                  canType={canChange}
                  onOutput={onOutput}
                />
              </Panel>
            </Group>
          </Panel>
        </Group>
      </main>
      <StatusBar stats={stats} />
      <QuickOpen
        open={goingToFile}
        onOpenChange={setGoingToFile}
        address={record}
        generation={generation}
        recent={documents.open.map(({ path }) => path)}
        onOpen={goTo}
      />
    </div>
  )
}

function isNarrow(): boolean {
  return window.matchMedia('(max-width: 720px)').matches
}

function KilledNotice({ kills, onDismiss }: { kills: number; onDismiss: () => void }) {
  if (kills === 0) return null
  return (
    <Notice
      tone="warn"
      testId="out-of-memory"
      action={
        <Button size="small" onClick={onDismiss}>
          Got it
        </Button>
      }
    >
      {kills === 1 ? 'A program was' : `${kills} programs were`} ended because your seat ran out of memory. Run fewer at a
      time, or work on less data at once.
    </Notice>
  )
}

function SeatNotice({ record, state, canChange }: { record: SeatRecord; state: SeatState; canChange: boolean }) {
  if (state.phase === 'waiting') {
    const sentence = {
      offline: 'The connection is gone. Trying again; what you wrote is kept here.',
      recovering: 'Your seat is recovering. It comes back by itself; what you wrote is kept here.',
      resetting: 'Your seat is being made afresh. It comes back by itself in a moment.',
      locked: 'Your instructor has locked this seat. Your files and programs stay; it opens again by itself.',
    }[state.why]
    return (
      <Notice tone="warn" testId="seat-notice">
        {sentence}
        {state.message && ` (${state.message})`}
      </Notice>
    )
  }
  return canChange ? null : <WatchNotice record={record} />
}
