// What happens to a seat while somebody works on it: a visit, a crash, a reset, a release.

import assert from 'node:assert/strict'
import { killSeat } from '../fixtures/engine.js'
import { Scene } from '../fixtures/scene.js'
import { Instructor } from '../pages/instructor.js'
import { Learner } from '../pages/learner.js'
import { Terminal } from '../pages/terminal.js'

const scene = await Scene.open('seats')
const { server } = scene
const instructor = new Instructor(await scene.instructor())
const workshop = await scene.createWorkshop(instructor.page, 'Seats', 1)
const ada = new Learner(await scene.person('Ada'), 'Ada')
const blaise = new Learner(await scene.person('Blaise'), 'Blaise')

scene.step('instructor_and_learner_type_in_one_shell', async () => {
  await ada.join(workshop.join_url)
  await ada.terminal.run('greeting=hello')
  await instructor.page.goto(`${server.origin}/workshops/${workshop.id}`)
  await instructor.openSeat(1)
  const visited = new Terminal(instructor.page)
  await visited.isReady()
  await visited.answers('echo "$greeting from the desk"', 'hello from the desk')
  await ada.terminal.showsRow('hello from the desk')
  await instructor.page.goto(`${server.origin}/workshops/${workshop.id}`)
})

scene.step('seat_that_crashed_comes_back_with_its_files', async () => {
  await ada.terminal.answers('echo kept > kept.txt; sync; cat kept.txt', 'kept')
  killSeat(workshop.id, 1)
  await ada.page.getByTestId('terminal-reconnecting').waitFor()
  await ada.terminal.isReady()
  await ada.terminal.answers('echo "[$greeting] $(cat kept.txt)"', '[] kept')
})

scene.step('reset_leaves_the_learner_and_takes_the_files', async () => {
  await ada.terminal.answers('mkdir work && echo mine > work/secret.txt && ls work', 'secret.txt')
  await instructor.resetSeat(1)
  await ada.page.locator('[data-testid="workspace"][data-generation="2"]').waitFor({ timeout: 45_000 })
  await ada.terminal.isReady()
  await ada.terminal.answers('ls; echo "files:$(ls | wc --lines)"', 'files:0')
  await ada.treeItem('work').waitFor({ state: 'detached' })
  // She reads why, until she has read it.
  const notice = ada.page.getByTestId('fresh-notice')
  await notice.getByRole('button', { name: 'Got it' }).click()
  await notice.waitFor({ state: 'detached' })
  assert.equal(ada.seat, 1)
  await instructor.seesLearners(['Ada'], 'active')
})

scene.step('reset_that_is_undone_brings_the_files_back', async () => {
  await ada.terminal.answers('echo later > later.txt; cat later.txt', 'later')
  await instructor.undoReset(1)
  await ada.page.locator('[data-testid="workspace"][data-generation="3"]').waitFor({ timeout: 45_000 })
  await ada.terminal.isReady()
  await ada.terminal.answers('cat work/secret.txt; ls later.txt 2>/dev/null', 'mine')
  await ada.treeItem('later.txt').waitFor({ state: 'detached' })
  await ada.page.getByTestId('fresh-notice').waitFor()
})

scene.step('locked_seat_shuts_its_learner_out_and_lets_them_in_again_by_itself', async () => {
  await ada.terminal.run('greeting=back')
  await instructor.lockSeat(1)
  await ada.page.getByTestId('seat-notice').getByText('has locked this seat').waitFor()
  const again = await ada.page.context().newPage()
  await again.goto(workshop.join_url)
  await again.getByTestId('continue-button').click()
  await again.getByTestId('join-waiting').getByText('has locked your seat').waitFor()
  await instructor.unlockSeat(1)
  await again.getByTestId('workspace').waitFor()
  await again.close()
  await ada.terminal.isReady()
  await ada.terminal.answers('echo "[$greeting]"', '[back]')
})

scene.step('end_is_told_to_everybody_and_put_off', async () => {
  await instructor.setEnd(new Date(Date.now() + 4 * 60_000))
  await instructor.page.getByTestId('end-warning').waitFor()
  await ada.reload()
  await ada.page.getByTestId('end-notice').getByText('Download everything').waitFor()
  await instructor.page.getByTestId('end-warning').getByRole('button', { name: 'An hour longer' }).click()
  await instructor.page.getByTestId('end-warning').waitFor({ state: 'detached' })
  await ada.reload()
  await ada.page.getByTestId('end-notice').waitFor({ state: 'detached' })
})

scene.step('release_tells_the_learner_and_frees_the_seat', async () => {
  await ada.terminal.answers('echo mine > mine.txt; cat mine.txt', 'mine')
  await instructor.releaseSeat(1)
  await ada.page.getByTestId('seat-released').waitFor()
  await instructor.page.locator('[data-testid="seat-card"][data-status="ready"]').waitFor({ timeout: 45_000 })
})

scene.step('next_learner_inherits_nothing', async () => {
  await blaise.join(workshop.join_url)
  assert.equal(blaise.seat, 1)
  await blaise.terminal.answers('echo "files:$(ls | wc --lines)"', 'files:0')
  await ada.page.goto(`${server.origin}/seat/${workshop.id}/1`)
  await ada.page.getByTestId('join-form').waitFor()
  await instructor.seesLearners(['Blaise'], 'active')
})

scene.step('workshop_goes', async () => {
  await scene.deleteWorkshop(instructor.page, workshop.id)
  await blaise.seesTheEnd()
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop.id })
