// A class in a room: plain http by address, from a device that reaches this machine and nothing else.

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { NO_TRACES, tracesOf } from '../fixtures/engine.js'
import { OtherDevice } from '../fixtures/otherDevice.js'
import { PASSWORD, Scene } from '../fixtures/scene.js'
import { Instructor } from '../pages/instructor.js'
import { Learner } from '../pages/learner.js'

const device = OtherDevice.plugIn()
const scene = await Scene.open('room', { device })
const { server } = scene
const instructor = new Instructor(await scene.person('instructor'))
const ada = new Learner(await scene.person('Ada'), 'Ada')
const answers = [instructor.page, ada.page].map(recordAnswers)

let joinLink = ''
let workshop = ''

scene.step('the_terminal_shows_the_rooms_address_and_a_qr_code', () => {
  assert.equal(new URL(server.origin).hostname, device.roomAddress)
  assert(server.greeting.includes(`┃   ${server.origin}/join   ┃`), server.greeting)
  assert(server.greeting.includes('▄'), server.greeting)
  return Promise.resolve()
})

scene.step('the_other_device_reaches_this_machine_by_the_rooms_address_alone', async () => {
  const byLoopback = server.origin.replace(device.roomAddress, '127.0.0.1')
  assert((await fetch(`${byLoopback}/api/health`)).ok, 'this machine itself comes by loopback')
  assert.deepEqual([device.reaches(server.origin), device.reaches(byLoopback)], [true, false])
})

scene.step('an_instructor_creates_a_workshop_by_address', async () => {
  await instructor.setUp(server.setupLink, PASSWORD)
  assert.equal(await instructor.page.evaluate(() => isSecureContext), false)
  await instructor.createWorkshop({ name: 'In a room', seats: 2 })
  await instructor.seesStatus('ready')
  workshop = instructor.workshopId
})

scene.step('the_join_link_holds_the_rooms_address_and_is_copied_without_the_clipboard_api', async () => {
  joinLink = await instructor.page.getByTestId('join-link').inputValue()
  assert(joinLink.startsWith(`${server.origin}/join#`), joinLink)
  assert.equal(await instructor.page.evaluate(() => 'clipboard' in navigator), false)
  await instructor.page.getByTestId('copy-link').click()
  await instructor.page.getByTestId('copy-link').getByText('Copied').waitFor()
  assert.equal(await instructor.page.getByTestId('only-here').count(), 0)
})

scene.step('the_projector_shows_code_address_and_qr', async () => {
  await instructor.page.getByTestId('join-large').click()
  const wall = instructor.page.getByTestId('join-dialog')
  await wall.getByText(`${new URL(server.origin).host}/join`, { exact: true }).waitFor()
  await wall.getByText(new URL(joinLink).hash.slice(1), { exact: true }).waitFor()
  const picture = wall.getByRole('img', { name: 'QR code of the join link' })
  const width = await picture.evaluate(async (image: HTMLImageElement) => {
    await image.decode()
    return image.getBoundingClientRect().width
  })
  assert(width > 300, `the QR code is ${width} px wide`)
  await instructor.page.keyboard.press('Escape')
})

scene.step('the_dashboard_waits_for_a_phone', async () => {
  await instructor.page.locator('[data-testid="reach"][data-stage="waiting"]').waitFor()
})

scene.step('a_learner_joins_types_and_saves_a_file', async () => {
  await ada.join(joinLink)
  assert.equal(await ada.page.evaluate(() => isSecureContext), false)
  await ada.terminal.answers('echo $((6*7))', '42')
  await ada.createFile('room.py')
  await ada.writeAndSave("print('saved by', 6*7)\n")
  await ada.terminal.answers('python3 room.py', 'saved by 42')
})

scene.step('the_dashboard_and_the_terminal_saw_the_other_device', async () => {
  await instructor.page.locator('[data-testid="reach"][data-stage="reached"]').waitFor()
  assert.match(server.greeting, /Another device reached this server/)
})

scene.step('reload_keeps_the_shell', async () => {
  const pid = await ada.terminal.shellPid()
  await ada.reload()
  assert.equal(await ada.terminal.shellPid(), pid)
})

scene.step('the_instructor_looks_in_from_the_room', async () => {
  await instructor.openSeat(ada.seat)
  await instructor.page.goBack()
  await instructor.seesLearners(['Ada'], 'active')
})

scene.step('deleting_leaves_no_trace_on_the_machine', async () => {
  await instructor.deleteWorkshop()
  assert.deepEqual(tracesOf(workshop, server.dataDir), NO_TRACES)
})

scene.step('no_answer_spoke_of_loopback', async () => {
  const read = (await Promise.all(answers.flat())).filter(({ text }) => text !== '')
  for (const call of ['/api/join', '/api/workshops', `/api/workshops/${workshop}`, `/vm/${ada.seat}/files`]) {
    assert(
      read.some(({ path }) => path.endsWith(call)),
      `no answer of ${call} was read: ${read.map(({ path }) => path).join(' ')}`,
    )
  }
  for (const { path, text } of read) assert(!/localhost|127\.0\.0\.1|\[::1\]/.test(text), `${path}: ${text}`)
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop })

interface ApiAnswer {
  path: string
  text: string
}

/** Every answer of the API and of seats that a page gets from now on. */
function recordAnswers(page: Page): Promise<ApiAnswer>[] {
  const read: Promise<ApiAnswer>[] = []
  page.on('response', (response) => {
    const path = new URL(response.url()).pathname
    if (!/^\/(api|debug)\//.test(path)) return
    // A page that goes away takes its answers along.
    const text = response.text().catch(() => '')
    read.push(text.then((body) => ({ path, text: body })))
  })
  return read
}
