import { useEffect, useRef, useState } from 'react'
import { Group, Panel, Separator, useDefaultLayout, usePanelRef } from 'react-resizable-panels'
import { Notice } from '../components/Notice'
import type { SeatRecord } from '../modules/auth/seatRecords'
import type { SeatSession, SeatState } from '../modules/auth/seatSession'
import { BrowserPlaceholder } from '../modules/browser/BrowserPlaceholder'
import { EditorPanel } from '../modules/editor/EditorPanel'
import { useEditor } from '../modules/editor/useEditor'
import { FileTree } from '../modules/files/FileTree'
import { useRefreshFiles } from '../modules/files/useFiles'
import { PortsPanel } from '../modules/ports/PortsPanel'
import { TerminalPanel } from '../modules/terminal/TerminalPanel'
import { ActivityBar, type PaneName } from './workspace/ActivityBar'
import { ReconnectNote } from './workspace/ReconnectNote'
import { TopBar } from './workspace/TopBar'
import { useQuietly } from './workspace/useQuietly'
import { useWorkspaceKeys } from './workspace/useWorkspaceKeys'
import styles from './workspace/workspace.module.css'

interface Props {
  record: SeatRecord
  session: SeatSession
  state: SeatState
  generation: number
}

export function Workspace({ record, session, state, generation }: Props) {
  const canChange = session.mode === 'control'
  // On a narrow screen, the pane that is shown; on a wide one, which of the two shares the centre.
  const [pane, setPane] = useState<PaneName>('terminal')
  const [centre, setCentre] = useState<'editor' | 'browser'>('editor')
  const root = useRef<HTMLDivElement>(null)
  const [filesOpen, setFilesOpen] = useState(true)
  const [terminalOpen, setTerminalOpen] = useState(true)
  const [portsOpen, setPortsOpen] = useState(false)
  const [portsUsed, setPortsUsed] = useState(false)
  const filesPanel = usePanelRef()
  const portsPanel = usePanelRef()
  const terminalPanel = usePanelRef()

  const refreshFiles = useRefreshFiles(record)
  const { editor, documents } = useEditor(record, () => void refreshFiles())
  const columns = useDefaultLayout({ id: 'clarateach.layout.columns', storage: localStorage })
  const centreColumns = useDefaultLayout({ id: 'clarateach.layout.centre', storage: localStorage })
  const rows = useDefaultLayout({ id: 'clarateach.layout.rows', storage: localStorage })

  // Programs change files: after a burst of output the tree and the open file catch up.
  const onOutput = useQuietly(() => {
    void refreshFiles()
    void editor.catchUp()
  })

  // Tabs come back with the first session, and again when a reset gave the seat new files.
  useEffect(() => {
    editor.restore()
    void editor.catchUp()
  }, [editor, generation])

  useWorkspaceKeys(root, () => {
    const { active } = editor.getState()
    if (active !== null && canChange) void editor.save(active)
  })

  function choose(next: PaneName) {
    setPane(next)
    if (next === 'editor' || next === 'browser') setCentre(next)
    if (next === 'ports') setPortsUsed(true)
    const panels = { files: filesPanel, terminal: terminalPanel, ports: portsPanel }
    const panel = next === 'editor' || next === 'browser' ? null : panels[next].current
    if (!panel || isNarrow()) return
    if (!panel.isCollapsed()) panel.collapse()
    else if (next === 'ports') panel.resize('45%')
    else panel.expand()
  }

  return (
    <div ref={root} className={styles.workspace} data-pane={pane} data-testid="workspace" data-generation={generation}>
      <TopBar record={record} state={state} canChange={canChange} />
      <ActivityBar
        pane={pane}
        centre={centre}
        open={{ files: filesOpen, terminal: terminalOpen, ports: portsOpen }}
        hasUnsaved={editor.hasUnsaved}
        onChoose={choose}
      />
      <main className={styles.body}>
        <SeatNotice state={state} canChange={canChange} />
        {record.role === 'learner' && <ReconnectNote record={record} />}
        <Group className={styles.group} orientation="horizontal" {...columns}>
          <Panel
            id="panel-files"
            panelRef={filesPanel}
            onResize={({ inPixels }) => setFilesOpen(inPixels > 0)}
            defaultSize="20%"
            minSize="140px"
            maxSize="50%"
            collapsible
            data-pane-root="files"
          >
            <FileTree
              address={record}
              generation={generation}
              openPath={documents.active}
              canChange={canChange}
              onOpen={(path, size) => {
                setCentre('editor')
                if (isNarrow()) setPane('editor')
                void editor.open(path, size)
              }}
              onMoved={(from, to) => editor.moved(from, to)}
              onDeleted={(path) => editor.deleted(path)}
            />
          </Panel>
          <Separator className={styles.columnHandle} aria-label="Width of the file list" />
          <Panel id="panel-work" minSize="30%" data-pane-root="work">
            <Group className={styles.group} orientation="vertical" {...rows}>
              <Panel id="panel-centre" defaultSize="58%" minSize="80px" data-pane-root="centre">
                <Group className={styles.group} orientation="horizontal" {...centreColumns}>
                  <Panel id="panel-editor" minSize="25%" data-pane-root="editor">
                    <div className={styles.fill} hidden={centre !== 'editor'}>
                      <EditorPanel address={record} editor={editor} documents={documents} canChange={canChange} />
                    </div>
                    {centre === 'browser' && <BrowserPlaceholder />}
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
    </div>
  )
}

function isNarrow(): boolean {
  return window.matchMedia('(max-width: 720px)').matches
}

function SeatNotice({ state, canChange }: { state: SeatState; canChange: boolean }) {
  if (state.phase === 'waiting') {
    const sentence = {
      offline: 'The connection is gone. Trying again; what you wrote is kept here.',
      recovering: 'Your seat is recovering. It comes back by itself; what you wrote is kept here.',
      resetting: 'Your seat is being made afresh. It comes back by itself in a moment.',
    }[state.why]
    return (
      <Notice tone="warn" testId="seat-notice">
        {sentence}
        {state.message && ` (${state.message})`}
      </Notice>
    )
  }
  if (!canChange) return <Notice testId="seat-notice">You are watching this seat. Only its learner can type.</Notice>
  return null
}
