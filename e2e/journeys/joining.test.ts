// Ways into a workshop that do not work, each with its own sentence, and ways back into a seat.

import assert from 'node:assert/strict'
import { Scene } from '../fixtures/scene.js'
import { Learner } from '../pages/learner.js'

const scene = await Scene.open('joining')
const { server } = scene
const instructor = await scene.instructor()
const workshop = await scene.createWorkshop(instructor, 'Joining', 1)
const ada = new Learner(await scene.person('Ada'), 'Ada')
let reconnectCode = ''

scene.step('unknown_code_is_told_at_its_field', async () => {
  const unknown = workshop.code === 'ZZZZ-ZZZZ' ? 'YYYY-YYYY' : 'ZZZZ-ZZZZ'
  await ada.tryToJoin(`${server.origin}/join#${unknown}`)
  await ada.page.getByText('There is no workshop with this code.').waitFor()
  assert.equal(await ada.page.getByLabel('Join code').getAttribute('aria-invalid'), 'true')
  assert.equal(await ada.page.getByLabel('Your name').inputValue(), 'Ada', 'the name that was typed is gone')
})

scene.step('empty_name_is_told_before_anything_is_asked', async () => {
  const asked: string[] = []
  ada.page.on('request', (request) => asked.push(request.url()))
  await ada.page.goto('about:blank')
  await ada.page.goto(workshop.join_url)
  await ada.page.getByLabel('Your name').fill('  ')
  await ada.page.getByRole('button', { name: 'Join' }).click()
  await ada.page.getByText('Tell us the name').waitFor()
  assert.deepEqual(asked.filter((url) => url.endsWith('/api/join')), [])
})

scene.step('code_is_taken_in_any_spelling', async () => {
  const spelling = workshop.code.toLowerCase().replace('-', ' ')
  await ada.page.getByLabel('Join code').fill(spelling)
  await ada.page.getByLabel('Your name').fill('Ada')
  await ada.page.getByRole('button', { name: 'Join' }).click()
  await ada.isInWorkspace()
  await ada.terminal.isReady()
  assert.equal(ada.seat, 1)
  reconnectCode = await ada.reconnectCode()
  await ada.terminal.answers('kept=$((6*7)); echo "set $kept"', 'set 42')
})

scene.step('full_workshop_is_told_and_keeps_its_learner', async () => {
  const late = new Learner(await scene.person('late'), 'Late Latif')
  await late.tryToJoin(workshop.join_url)
  await late.page.getByTestId('join-problem').getByText('Every seat is taken').waitFor()
  await ada.terminal.answers('echo "still $kept"', 'still 42')
})

scene.step('wrong_reconnect_code_is_told_at_its_field', async () => {
  const stranger = new Learner(await scene.person('stranger'), 'Ada')
  const wrong = reconnectCode.replace(/[0-9A-Z]/, (character) => (character === '7' ? '8' : '7'))
  await stranger.tryToJoin(workshop.join_url, wrong)
  await stranger.page.getByText('No seat of this workshop has this reconnect code.').waitFor()
})

scene.step('reconnect_code_leads_another_device_to_the_same_shell', async () => {
  const phone = new Learner(await scene.person('phone', { width: 390, height: 844 }), 'Ada')
  await phone.join(workshop.join_url, reconnectCode)
  assert.equal(phone.seat, 1)
  await phone.terminal.answers('echo "here $kept"', 'here 42')
})

scene.step('same_browser_continues_with_one_click', async () => {
  await ada.page.goto('about:blank')
  await ada.page.goto(workshop.join_url)
  const button = ada.page.getByTestId('continue-button')
  assert.match(await button.innerText(), /Continue as Ada \(seat 1\)/)
  await button.click()
  await ada.isInWorkspace()
  await ada.terminal.isAttached()
  await ada.terminal.answers('echo "again $kept"', 'again 42')
})

scene.step('code_of_an_ended_workshop_says_so', async () => {
  await scene.deleteWorkshop(instructor, workshop.id)
  await ada.seesTheEnd()
  const late = new Learner(await scene.person('too late'), 'Late Latif')
  await late.tryToJoin(workshop.join_url)
  await late.page.getByTestId('join-problem').getByText('This workshop has ended.').waitFor()
})

scene.step('answers_and_parts_of_the_page_that_get_lost_are_asked_for_again', async () => {
  const other = await scene.createWorkshop(instructor, 'Bad line', 1)
  const page = await scene.person('bad line')
  const lost: string[] = []
  await page.route(/\/api\/join$|\/vm\/1\/session$|\/(SeatPage|emulator|monacoBuffers)-[^/]+$/, async (route) => {
    const { pathname } = new URL(route.request().url())
    if (lost.includes(pathname)) return route.continue()
    lost.push(pathname)
    // The server has done it; nobody hears of it.
    if (pathname === '/api/join') await route.fetch()
    return route.abort('connectionreset')
  })
  const learner = new Learner(page, 'Ben')
  await learner.join(other.join_url)
  await learner.createFile('here.txt')
  assert(lost.length >= 6, `lost: ${lost.join(', ')}`)
  const display = await page.getByTestId('workspace').evaluate((element) => getComputedStyle(element).display)
  assert.equal(display, 'grid', 'the style sheet that was lost never came')
  await scene.deleteWorkshop(instructor, other.id)
})

scene.endsWithoutLeaks({
  secrets: ['code', 'token', 'reconnect_code', 'cookie of Ada', 'cookie of instructor'],
  logged: () => workshop.id,
})
