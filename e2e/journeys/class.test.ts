// The whole of a lesson, from the set-up link to a machine without a trace of it.

import assert from 'node:assert/strict'
import { NO_TRACES, tracesOf } from '../fixtures/engine.js'
import { PASSWORD, Scene } from '../fixtures/scene.js'
import { Instructor } from '../pages/instructor.js'
import { Learner } from '../pages/learner.js'

const NAMES = ['Ada', 'Blaise Ünïcode', 'Chen 陈']
const API_KEY = 'e2e-key-that-nobody-may-read-4711'

const scene = await Scene.open('class')
const { server, observer } = scene
const instructor = new Instructor(await scene.person('instructor'))
const learners = await Promise.all(NAMES.map(async (name) => new Learner(await scene.person(name), name)))
const [first] = learners
assert(first)

let joinLink = ''
let workshop = ''

scene.step('setup_link_and_a_password_lead_to_an_empty_dashboard', async () => {
  await instructor.setUp(server.setupLink, PASSWORD)
  await instructor.page.getByTestId('workshops-empty').waitFor()
})

scene.step('creating_a_workshop_shows_progress_until_every_seat_is_ready', async () => {
  observer.keepSecret('API key', API_KEY)
  await instructor.createWorkshop({ name: 'Python basics', seats: NAMES.length, apiKey: API_KEY, idleHours: '12' })
  await instructor.seesProgress()
  await instructor.seesStatus('ready')
  await instructor.page.locator('[data-testid="seat-card"][data-status="ready"]').nth(NAMES.length - 1).waitFor()
  await instructor.seesIdleRule('Ends when nobody used it for 12 hours')
  workshop = instructor.workshopId
})

scene.step('join_link_is_copied_with_its_code_in_the_fragment', async () => {
  joinLink = await instructor.copyJoinLink()
  const { origin, pathname, search, hash } = new URL(joinLink)
  assert.deepEqual([origin, pathname, search], [server.origin, '/join', ''])
  assert.match(hash, /^#[0-9A-Z]{4}-[0-9A-Z]{4}$/)
})

scene.step('learners_join_by_link_and_name_and_their_commands_run', async () => {
  await Promise.all(
    learners.map(async (learner) => {
      await learner.join(joinLink)
      await learner.terminal.answers('echo $((6*7))', '42')
    }),
  )
  assert.deepEqual(learners.map((learner) => learner.seat).sort(), [1, 2, 3])
})

scene.step('shells_have_the_workshops_api_key', async () => {
  await first.terminal.answers('echo "key:${#ANTHROPIC_API_KEY}"', `key:${API_KEY.length}`)
})

scene.step('file_written_in_the_editor_is_there_in_the_terminal', async () => {
  await Promise.all(
    learners.map(async (learner) => {
      await learner.createFile('hello.py')
      await learner.writeAndSave(`print('saved by', ${learner.seat})\n`)
      await learner.terminal.answers('cat hello.py', `print('saved by', ${learner.seat})`)
      await learner.terminal.answers('python3 hello.py', `saved by ${learner.seat}`)
    }),
  )
})

scene.step('file_made_in_the_terminal_appears_in_the_tree_and_opens', async () => {
  await first.terminal.run('echo from the shell > notes.txt')
  await first.openFile('notes.txt')
  await first.page.locator('.view-lines').getByText('from the shell').waitFor()
})

scene.step('reload_keeps_shell_and_scrollback', async () => {
  await first.terminal.run("seq --format 'line %g' 150; kept=value-$((40+2))")
  await first.terminal.showsRow('line 150')
  const pid = await first.terminal.shellPid()
  await first.reload()
  assert.equal(await first.terminal.shellPid(), pid)
  await first.terminal.answers('echo $kept', 'value-42')
  await first.terminal.hasInScrollback('line 1')
})

scene.step('second_terminal_is_a_shell_of_its_own', async () => {
  const second = await first.newTerminal()
  await second.answers('echo "[$kept]"', '[]')
  const pid = await second.shellPid()
  await first.chooseTerminal(first.terminal)
  assert.notEqual(await first.terminal.shellPid(), pid)
})

scene.step('dashboard_shows_who_is_there', async () => {
  await instructor.seesLearners(NAMES, 'active')
  await learners[2]?.page.close()
  await instructor.seesLearners(NAMES.slice(2), 'away')
  await instructor.seesLearners(NAMES.slice(0, 2), 'active')
})

scene.step('deleting_leaves_no_trace_on_the_machine', async () => {
  const before = tracesOf(workshop, server.dataDir)
  for (const [kind, found] of Object.entries(before)) assert.notDeepEqual(found, [], `no ${kind} even before`)
  assert.equal(before.containers.length, NAMES.length)
  await instructor.deleteWorkshop()
  assert.deepEqual(tracesOf(workshop, server.dataDir), NO_TRACES)
})

scene.step('learners_pages_say_that_the_workshop_has_ended', async () => {
  await Promise.all(learners.slice(0, 2).map((learner) => learner.seesTheEnd()))
})

scene.endsWithoutLeaks({
  secrets: ['API key', 'code', 'token', 'reconnect_code', 'set-up secret', 'cookie of Ada'],
  logged: () => workshop,
})
