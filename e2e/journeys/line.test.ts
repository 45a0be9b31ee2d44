// A learner's connection that dies without a word, as in a hotel's Wi-Fi: the page finds out by itself, and goes on.

import assert from 'node:assert/strict'
import { after } from 'node:test'
import { Line } from '../fixtures/line.js'
import { Scene } from '../fixtures/scene.js'
import { until } from '../fixtures/until.js'
import { Learner } from '../pages/learner.js'
import { TerminalRecord } from '../pages/terminalRecord.js'

const line = await Line.open()
after(() => line.close())
const scene = await Scene.open('line', { line })
const instructor = await scene.instructor()
const workshop = await scene.createWorkshop(instructor, 'Hotel', 1)
const ada = new Learner(await scene.person('Ada'), 'Ada')

const record = new TerminalRecord(ada.page)

/** The page gave the dead connection up and went on, on a new one, where it was. */
async function resumesWithin(milliseconds: number): Promise<void> {
  const before = record.attachments.length
  await until('the terminal to attach again', () => record.attachments.length > before || undefined, {
    patienceMs: milliseconds,
  })
  assert.equal(record.attachments.at(-1)?.resumed, true)
  await ada.terminal.isAttached()
}

scene.step('whoever_types_learns_soon_that_nobody_hears', async () => {
  await ada.join(workshop.join_url)
  await ada.terminal.run('greeting=kept')
  const died = line.die()
  assert(died > 0, 'the page does not come along the line')
  await ada.terminal.type('x')
  await resumesWithin(30_000)
  await ada.terminal.answers('echo "[$greeting]"', '[kept]')
})

scene.step('quiet_page_finds_out_by_itself_and_its_files_go_on_being_told', async () => {
  assert(line.die() > 0)
  await resumesWithin(45_000)
  await ada.page.locator('[data-testid="file-tree"][data-live]').waitFor()
  await ada.terminal.answers('echo new > new.txt; cat new.txt', 'new')
  await ada.treeItem('new.txt').waitFor()
  await ada.page.locator('[data-testid="connection"][data-state="ready"]').waitFor({ timeout: 60_000 })
})

scene.step('workshop_goes', async () => {
  await scene.deleteWorkshop(instructor, workshop.id)
  await ada.seesTheEnd()
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop.id })
