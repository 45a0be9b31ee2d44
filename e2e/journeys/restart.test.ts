// The server is killed in the middle of a lesson and comes back: nobody has to do anything, and nothing is lost.

import assert from 'node:assert/strict'
import { inspect, isDeepStrictEqual } from 'node:util'
import { Api } from '../fixtures/api.js'
import { NO_TRACES, tracesOf } from '../fixtures/engine.js'
import { Scene } from '../fixtures/scene.js'
import { until } from '../fixtures/until.js'
import { Instructor } from '../pages/instructor.js'
import { Learner } from '../pages/learner.js'
import { TerminalRecord } from '../pages/terminalRecord.js'

const NAMES = ['Ada', 'Blaise']
/** Room for all numbers on one screen. */
const TALL = { width: 1440, height: 1600 }
/** Counts until a key is pressed. Ctrl+C would now and then hit bash between two commands, and it counts on. */
const COUNT = "i=0; until read -rsn 1 -t 0.05; do printf '<%05d>' $((++i)); done; echo; echo counted"

const scene = await Scene.open('restart')
const { server } = scene
const instructor = new Instructor(await scene.instructor())
const learners = await Promise.all(
  NAMES.map(async (name) => {
    const page = await scene.person(name, TALL)
    return { record: new TerminalRecord(page), learner: new Learner(page, name), pid: 0 }
  }),
)

const workshop = await scene.createWorkshop(instructor.page, 'Restart', NAMES.length)

scene.step('learners_shells_count_while_the_server_runs', async () => {
  await instructor.page.goto(`${server.origin}/workshops/${workshop.id}`)
  await Promise.all(
    learners.map(async (each) => {
      await each.learner.join(workshop.join_url)
      each.pid = await each.learner.terminal.shellPid()
      await each.learner.page.evaluate(() => document.body.setAttribute('data-e2e-not-reloaded', ''))
      await each.learner.terminal.run(COUNT)
      await reaches(each, 20)
    }),
  )
  await instructor.seesLearners(NAMES, 'active')
})

scene.step('pages_say_so_when_the_server_is_killed', async () => {
  await server.kill()
  await Promise.all(learners.map(({ learner }) => learner.page.getByTestId('terminal-reconnecting').waitFor()))
})

scene.step('pages_reattach_by_themselves_and_resume_where_they_were', async () => {
  await server.startAgain()
  await Promise.all(
    learners.map(async (each) => {
      const { learner, record } = each
      await until('the terminal to attach again', () => (record.attachments.length > 1 ? true : undefined))
      await learner.terminal.isAttached()
      const [first, again] = record.attachments
      assert(first && again)
      assert.equal(again.epoch, first.epoch, 'it is another shell')
      assert(again.resumed, 'the screen was drawn anew instead of going on')
      await reaches(each, (numbersIn(record.text).at(-1) ?? 0) + 20)
      assert.equal(await learner.page.locator('body[data-e2e-not-reloaded]').count(), 1, 'the page was loaded anew')
    }),
  )
})

scene.step('no_number_is_lost_or_doubled', async () => {
  for (const { learner, record } of learners) {
    await learner.terminal.press('q')
    await learner.terminal.showsRow('counted')
    assertCounts(record.text, 'what the page received')
    assertCounts((await learner.terminal.rows()).join(''), 'what the page shows')
    assert.equal(record.attachments.length, 2)
  }
})

scene.step('shells_are_the_same_processes', async () => {
  for (const { learner, pid } of learners) assert.equal(await learner.terminal.shellPid(), pid)
})

scene.step('instructor_is_still_signed_in_and_finds_everything', async () => {
  await instructor.page.reload()
  await instructor.seesStatus('ready')
  await instructor.seesLearners(NAMES, 'active')
  assert.equal(await instructor.page.getByTestId('join-code').innerText(), workshop.code)
})

scene.step('deletion_that_a_kill_interrupted_goes_on_by_itself', async () => {
  const api = Api.of(instructor.page, server.origin)
  const deletion = api.deleteWorkshop(workshop.id).then(
    () => 'done',
    () => 'interrupted',
  )
  await until('the workshop to be ending', async () => (await api.workshop(workshop.id)).status === 'ending' || undefined)
  await server.kill()
  assert.equal(await deletion, 'interrupted')
  await server.startAgain()
  await until(
    'every trace of the workshop to be gone',
    () => isDeepStrictEqual(tracesOf(workshop.id, server.dataDir), NO_TRACES) || undefined,
    { seen: () => inspect(tracesOf(workshop.id, server.dataDir)) },
  )
  await Promise.all(learners.map(({ learner }) => learner.seesTheEnd()))
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop.id })

async function reaches({ learner, record }: (typeof learners)[number], number: number): Promise<void> {
  await until(`${learner.name}'s shell to count to ${number}`, () => numbersIn(record.text).includes(number) || undefined)
}

function numbersIn(text: string): number[] {
  return [...text.matchAll(/<(\d{5})>/g)].map(([, digits]) => Number(digits))
}

/** One after the other from 1: nothing is missing, nothing is there twice. */
function assertCounts(text: string, where: string): void {
  const numbers = numbersIn(text)
  assert(numbers.length > 40, `only ${numbers.length} numbers in ${where}:\n${text}`)
  const wrong = numbers.findIndex((number, index) => number !== index + 1)
  assert.equal(wrong, -1, `${where} goes wrong after ${numbers[wrong - 1]}:\n${JSON.stringify(text)}`)
}
