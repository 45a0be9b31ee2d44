// Monaco, local and lazy: one editor widget for the life of the page, one model a file. Only a dynamic import reaches this.

import { editor, Range, Uri, type IDisposable } from 'monaco-editor/editor'
import EditorWorker from 'monaco-editor/editor/editor.worker?worker'
import 'monaco-editor/features/register.all'
import JsonWorker from 'monaco-editor/languages/features/json/json.worker?worker'
import type { Buffers, Place } from './buffers'
import './languages'
import { smallestEdit } from './text'

self.MonacoEnvironment = {
  getWorker: (_, label) => (label === 'json' ? new JsonWorker() : new EditorWorker()),
}

const THEME = 'clarateach-dark'
editor.defineTheme(THEME, {
  base: 'vs-dark',
  inherit: true,
  rules: [],
  colors: {
    'editor.background': '#11161b',
    'editorGutter.background': '#11161b',
    'editorLineNumber.foreground': '#7c8a96',
    'editorLineNumber.activeForeground': '#dde4ea',
    'editorCursor.foreground': '#4fd1bf',
    'editor.lineHighlightBackground': '#182027',
    'minimap.background': '#11161b',
  },
})

interface Buffer {
  path: string
  model: editor.ITextModel
  /** Monaco's count of undoable states when the text was last the seat's. */
  savedVersion: number
  listener: IDisposable
  view: editor.ICodeEditorViewState | null
  /** Waits to be brought into view. */
  place: Place | null
}

export class MonacoBuffers implements Buffers {
  private readonly buffers = new Map<string, Buffer>()
  private widget: editor.IStandaloneCodeEditor | null = null
  private shown: Buffer | null = null
  private made = 0

  constructor(private readonly onEdited: (path: string, dirty: boolean) => void) {}

  mount(container: HTMLElement, readOnly: boolean): void {
    this.widget ??= editor.create(container, {
      ariaLabel: 'Editor',
      automaticLayout: true,
      dropIntoEditor: { enabled: false }, // Dropped files go to the tree.
      fixedOverflowWidgets: true,
      fontFamily: 'ui-monospace, "Cascadia Mono", "SF Mono", Menlo, Consolas, "DejaVu Sans Mono", monospace',
      fontSize: 13,
      minimap: { enabled: false },
      model: null,
      padding: { top: 10 },
      readOnly,
      renderFinalNewline: 'on',
      scrollBeyondLastLine: false,
      smoothScrolling: true,
      stickyScroll: { enabled: false },
      theme: THEME,
    })
  }

  unmount(): void {
    this.widget?.dispose()
    this.widget = null
    this.shown = null
  }

  show(path: string | null): void {
    const next = path === null ? null : (this.buffers.get(path) ?? null)
    if (!this.widget || next === this.shown) return
    if (this.shown) this.shown.view = this.widget.saveViewState()
    this.shown = next
    this.widget.setModel(next?.model ?? null)
    if (!next) return
    this.widget.restoreViewState(next.view)
    this.widget.updateOptions({ ariaLabel: `Editor, ${next.path}` })
    this.showPlace(next)
  }

  reveal(path: string, place: Place): void {
    const buffer = this.get(path)
    buffer.place = place
    if (this.shown !== buffer) return
    this.showPlace(buffer)
    this.focus()
  }

  /** The person's text beside another, until the returned function is called; it can be edited there as well. */
  compare(container: HTMLElement, path: string, theirs: string, readOnly: boolean): () => void {
    const { model } = this.get(path)
    const original = editor.createModel(theirs, model.getLanguageId())
    const widget = editor.createDiffEditor(container, {
      automaticLayout: true,
      fixedOverflowWidgets: true,
      fontSize: 13,
      minimap: { enabled: false },
      originalEditable: false,
      readOnly,
      scrollBeyondLastLine: false,
      theme: THEME,
    })
    widget.setModel({ original, modified: model })
    keepLabel(widget.getOriginalEditor(), 'The text on the seat')
    keepLabel(widget.getModifiedEditor(), 'Your text')
    return () => {
      widget.setModel(null)
      widget.dispose()
      original.dispose()
    }
  }

  focus(): void {
    this.widget?.focus()
  }

  create(path: string, saved: string, draft: string | null): void {
    this.dispose(path)
    // A number of its own keeps a renamed file's model apart from a new file of the old name.
    const uri = Uri.from({ scheme: 'seat', authority: String(++this.made), path: `/${path}` })
    const model = editor.createModel(saved, undefined, uri)
    const buffer: Buffer = {
      path,
      model,
      savedVersion: model.getAlternativeVersionId(),
      listener: model.onDidChangeContent(() => this.onEdited(buffer.path, isDirty(buffer))),
      view: null,
      place: null,
    }
    this.buffers.set(path, buffer)
    if (draft !== null && draft !== saved) replaceDifference(model, draft)
  }

  replace(path: string, text: string): void {
    const buffer = this.get(path)
    const position = this.shown === buffer ? (this.widget?.getPosition() ?? null) : null
    const touched = replaceDifference(buffer.model, text)
    if (position && touched?.containsPosition(position)) this.widget?.setPosition(buffer.model.validatePosition(position))
    buffer.savedVersion = buffer.model.getAlternativeVersionId()
    this.onEdited(buffer.path, false)
  }

  text(path: string): string {
    return this.get(path).model.getValue(undefined, true)
  }

  version(path: string): number {
    return this.get(path).model.getAlternativeVersionId()
  }

  isDirty(path: string): boolean {
    return isDirty(this.get(path))
  }

  markSaved(path: string, version: number): void {
    this.get(path).savedVersion = version
  }

  move(from: string, to: string): void {
    const buffer = this.buffers.get(from)
    if (!buffer) return
    this.dispose(to)
    this.buffers.delete(from)
    buffer.path = to
    this.buffers.set(to, buffer)
  }

  dispose(path: string): void {
    const buffer = this.buffers.get(path)
    if (!buffer) return
    if (this.shown === buffer) this.show(null)
    this.buffers.delete(path)
    buffer.listener.dispose()
    buffer.model.dispose()
  }

  private showPlace(buffer: Buffer): void {
    const { place } = buffer
    buffer.place = null
    if (!place || !this.widget) return
    const range = new Range(place.line, place.column, place.line, place.endColumn)
    this.widget.setSelection(buffer.model.validateRange(range))
    this.widget.revealRangeInCenterIfOutsideViewport(range)
  }

  private get(path: string): Buffer {
    const buffer = this.buffers.get(path)
    if (!buffer) throw new Error(`no buffer for ${path}`)
    return buffer
  }
}

/** The diff editor has options for these labels, and forgets them with every change of another option. */
function keepLabel(side: editor.ICodeEditor, ariaLabel: string): void {
  const apply = () => {
    if (side.getOption(editor.EditorOption.ariaLabel) !== ariaLabel) side.updateOptions({ ariaLabel })
  }
  side.onDidChangeConfiguration(apply)
  apply()
}

function isDirty(buffer: Buffer): boolean {
  return buffer.model.getAlternativeVersionId() !== buffer.savedVersion
}

/** As one step that can be undone; whatever stays the same keeps cursor and scroll position. Answers what was replaced. */
function replaceDifference(model: editor.ITextModel, text: string): Range | null {
  const endings = text.includes('\r\n') ? editor.EndOfLineSequence.CRLF : editor.EndOfLineSequence.LF
  if (text.includes('\n') && model.getEndOfLineSequence() !== endings) model.pushEOL(endings)
  const before = model.getValue(undefined, true)
  if (before === text) return null
  const mark = before.startsWith('\ufeff') ? 1 : 0 // Counted in the text, and not in the model's offsets.
  const edit = smallestEdit(before.slice(mark), text.startsWith('\ufeff') ? text.slice(1) : text)
  const [start, end] = [model.getPositionAt(edit.start), model.getPositionAt(edit.end)]
  const range = Range.fromPositions(start, end)
  model.pushStackElement()
  model.pushEditOperations(null, [{ range, text: edit.text }], () => null)
  model.pushStackElement()
  return range
}
