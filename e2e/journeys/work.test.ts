// What a learner's work survives: floods, pastes, a lost network, a file that changes underneath, a reload.

import assert from 'node:assert/strict'
import { Scene } from '../fixtures/scene.js'
import { Learner } from '../pages/learner.js'

const PASTED_LINES = 2000
const ODD_NAMES = ['a b #%25+&.txt', 'ünï 陈.txt', '-n', "it's.txt"]

const scene = await Scene.open('work')
const instructor = await scene.instructor()
const workshop = await scene.createWorkshop(instructor, 'Work', 1)
const ada = new Learner(await scene.person('Ada'), 'Ada')
const { page, terminal } = ada

scene.step('flood_of_output_is_stopped_by_ctrl_c', async () => {
  await ada.join(workshop.join_url)
  await terminal.run('yes flood')
  await terminal.showsRow('flood')
  await terminal.press('Control+c')
  await terminal.answers('clear; echo "calm:$((1+1))"', 'calm:2')
})

scene.step('pasted_text_arrives_whole', async () => {
  const lines = Array.from({ length: PASTED_LINES }, (_, index) => `line ${index + 1} ${'x'.repeat(80)}\n`)
  await terminal.run('cat > pasted.txt')
  await terminal.paste(lines.join(''))
  await terminal.shows('the last line', (rows) => rows.some((row) => row.startsWith(`line ${PASTED_LINES} `)))
  await terminal.press('Control+d')
  const { length } = lines.join('')
  await terminal.answers('clear; wc --lines --bytes < pasted.txt | tr --squeeze-repeats " "', ` ${PASTED_LINES} ${length}`)
})

scene.step('text_written_offline_is_kept_and_saved_later', async () => {
  await terminal.answers('clear; kept=$((6*7)); echo "kept:$kept"', 'kept:42')
  await ada.createFile('notes.txt')
  await ada.writeAndSave('before, ')
  await page.context().setOffline(true)
  await ada.write('meanwhile')
  await page.keyboard.press('Control+s')
  const problem = page.getByTestId('editor-save-error')
  await problem.waitFor()
  await page.context().setOffline(false)
  await problem.getByRole('button', { name: 'Save again' }).click()
  await ada.hasSaved()
  await terminal.isAttached()
  await terminal.answers('clear; cat notes.txt; echo " $kept"', 'before, meanwhile 42')
})

scene.step('file_that_changed_underneath_is_not_overwritten', async () => {
  await ada.write('mine ')
  await terminal.answers('clear; echo theirs > notes.txt; cat notes.txt', 'theirs')
  await page.locator('.view-lines').click()
  await page.keyboard.press('Control+s')
  await page.getByTestId('editor-conflict').waitFor()
  await terminal.answers('clear; echo "still $(cat notes.txt)"', 'still theirs')
})

scene.step('reload_keeps_unsaved_text', async () => {
  await ada.reload()
  await page.locator('.view-lines').getByText('mine').waitFor()
  await page.locator('[data-testid="editor"][data-path="notes.txt"][data-dirty]').waitFor()
})

scene.step('files_of_any_name_open', async () => {
  const names = ODD_NAMES.map((name) => `'${name.replaceAll("'", "'\\''")}'`).join(' ')
  await terminal.answers(`clear; for n in ${names}; do echo "text of $n" > "./$n"; done; echo "made:$((2+2))"`, 'made:4')
  for (const name of ODD_NAMES) {
    await ada.openFile(name)
    await page.locator('.view-lines').getByText(`text of ${name}`).waitFor()
  }
})

scene.step('shell_that_ended_starts_anew_with_one_click', async () => {
  await terminal.run('exit 3')
  const ended = page.getByTestId('terminal-ended')
  await ended.waitFor()
  assert.match(await ended.innerText(), /exit code 3/)
  await ended.getByRole('button', { name: 'Start a new shell' }).click()
  await ended.waitFor({ state: 'detached' })
  await terminal.isReady()
  await terminal.answers('echo "kept:[$kept]"', 'kept:[]')
})

scene.step('workshop_goes', async () => {
  await scene.deleteWorkshop(instructor, workshop.id)
  await ada.seesTheEnd()
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop.id })
