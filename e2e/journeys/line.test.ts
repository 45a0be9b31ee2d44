// A learner's connection that dies without a word, as in a hotel's Wi-Fi: the page finds out by itself, and goes on.

import assert from 'node:assert/strict'
import { after } from 'node:test'
import { Line } from '../fixtures/line.js'
import { Scene } from '../fixtures/scene.js'
import { Learner } from '../pages/learner.js'

const line = await Line.open()
after(() => line.close())
const scene = await Scene.open('line', { line })
const instructor = await scene.instructor()
const workshop = await scene.createWorkshop(instructor, 'Hotel', 1)
const ada = new Learner(await scene.person('Ada'), 'Ada')

async function noticesWithin(milliseconds: number): Promise<void> {
  await ada.page.getByTestId('terminal-reconnecting').waitFor({ timeout: milliseconds })
}

scene.step('whoever_types_learns_soon_that_nobody_hears', async () => {
  await ada.join(workshop.join_url)
  await ada.terminal.run('greeting=kept')
  const died = line.die()
  assert(died > 0, 'the page does not come along the line')
  await ada.terminal.type('x')
  await noticesWithin(15_000)
  await ada.terminal.isReady()
  await ada.terminal.answers('echo "[$greeting]"', '[kept]')
})

scene.step('quiet_page_finds_out_by_itself_and_its_files_go_on_being_told', async () => {
  assert(line.die() > 0)
  await noticesWithin(30_000)
  await ada.terminal.isReady()
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
