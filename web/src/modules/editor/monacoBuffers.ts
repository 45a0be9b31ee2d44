// Monaco, local and lazy: one editor widget for the life of the page, one model a file. Only a dynamic import reaches this.

import { editor, Uri, type IDisposable } from 'monaco-editor/editor'
import EditorWorker from 'monaco-editor/editor/editor.worker?worker'
import 'monaco-editor/features/register.all'
import JsonWorker from 'monaco-editor/languages/features/json/json.worker?worker'
import type { Buffers } from './editorStore'
import './languages'

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
    }
    this.buffers.set(path, buffer)
    if (draft !== null && draft !== saved) replaceAll(model, draft)
  }

  replace(path: string, text: string): void {
    const buffer = this.get(path)
    if (buffer.model.getValue(undefined, true) !== text) replaceAll(buffer.model, text)
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

  private get(path: string): Buffer {
    const buffer = this.buffers.get(path)
    if (!buffer) throw new Error(`no buffer for ${path}`)
    return buffer
  }
}

function isDirty(buffer: Buffer): boolean {
  return buffer.model.getAlternativeVersionId() !== buffer.savedVersion
}

function replaceAll(model: editor.ITextModel, text: string): void {
  model.pushStackElement()
  model.pushEditOperations(null, [{ range: model.getFullModelRange(), text }], () => null)
  model.pushStackElement()
}
