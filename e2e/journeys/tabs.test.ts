// Eight tabs of one browser over plain http: six connections to a host are all that a browser gives, and none may be
// held for good.

import assert from 'node:assert/strict'
import type { Page } from 'playwright-core'
import { Scene } from '../fixtures/scene.js'
import { Instructor } from '../pages/instructor.js'
import { Learner } from '../pages/learner.js'

const PROMPT_MS = 2000
const NAMES = ['Ada', 'Blaise', 'Charles', 'Dorothy']

const scene = await Scene.open('tabs')
const { server } = scene
const first = await scene.instructor()
const workshop = await scene.createWorkshop(first, 'Many tabs', NAMES.length)
const browser = first.context()
const dashboards = [new Instructor(first), new Instructor(await browser.newPage())]
const lists = [await browser.newPage(), await browser.newPage()]
const learners: Learner[] = []
const tabs: Page[] = [...dashboards.map(({ page }) => page), ...lists]

scene.step('dashboards_and_lists_follow_live_streams', async () => {
  for (const { page } of dashboards) await page.goto(`${server.origin}/workshops/${workshop.id}`)
  for (const page of lists) await page.goto(`${server.origin}/workshops`)
  for (const page of tabs) await isLive(page)
})

scene.step('four_learners_join_in_the_same_browser', async () => {
  for (const name of NAMES) {
    const page = await browser.newPage()
    tabs.push(page)
    const learner = new Learner(page, name)
    await page.goto(`${server.origin}/join`)
    await page.getByLabel('Join code').fill(workshop.code)
    if (learners.length > 0) await page.getByRole('button', { name: 'Not you? Join as someone else' }).click()
    await page.getByLabel('Your name').fill(name)
    await page.getByRole('button', { name: 'Join', exact: true }).click()
    await learner.isInWorkspace()
    await learner.terminal.isReady()
    learners.push(learner)
  }
  for (const dashboard of dashboards) await dashboard.seesLearners(NAMES, 'active')
})

scene.step('a_call_of_every_tab_is_answered_at_once', async () => {
  assert.equal(tabs.length, 8)
  const answers = await Promise.all(tabs.map((page) => answersIn(page, PROMPT_MS)))
  assert.deepEqual(answers, Array(8).fill('answered'))
})

scene.step('typing_is_echoed_in_every_workspace', async () => {
  for (const { page, terminal } of learners) {
    await page.bringToFront()
    const begun = Date.now()
    await terminal.answers('echo $((6*7))', '42')
    assert(Date.now() - begun < 2 * PROMPT_MS, `the echo took ${Date.now() - begun} ms`)
  }
})

scene.step('pages_do_not_poll_while_their_stream_is_up', async () => {
  const calls: string[] = []
  for (const page of tabs.slice(0, 4)) {
    page.on('request', (request) => {
      if (/\/api\/workshops/.test(request.url())) calls.push(request.url())
    })
  }
  // Longer than the pages' pause between polls when it is down.
  await first.waitForTimeout(7000)
  assert.deepEqual(calls, [])
})

scene.step('who_leaves_is_gone_on_every_dashboard', async () => {
  const [ada] = learners
  assert(ada)
  await ada.page.bringToFront()
  await ada.page.getByTestId('seat-menu').click()
  await ada.page.getByTestId('leave').click()
  await ada.page.getByTestId('continue-as').waitFor()
  for (const dashboard of dashboards) await dashboard.seesLearners(['Ada'], 'left')
})

scene.step('streams_that_hold_connections_would_be_noticed', async () => {
  const page = lists[0]
  assert(page)
  const open = await page.evaluate(async () => {
    const streams = Array.from({ length: 8 }, () => new EventSource('/api/events'))
    Object.assign(window, { streams })
    await new Promise((resolve) => setTimeout(resolve, 1500))
    return streams.filter(({ readyState }) => readyState === EventSource.OPEN).length
  })
  assert(open <= 6, `${open} streams are open`)
  assert.equal(await answersIn(page, PROMPT_MS), 'hangs')
  await page.evaluate(() => {
    const { streams } = window as unknown as { streams: EventSource[] }
    for (const stream of streams) stream.close()
  })
  assert.equal(await answersIn(page, PROMPT_MS), 'answered')
})

scene.endsWithoutLeaks({ secrets: ['code', 'token'], logged: () => workshop.id })

async function isLive(page: Page): Promise<void> {
  await page.locator('[data-testid="stream"][data-state="live"]').waitFor({ state: 'attached' })
}

function answersIn(page: Page, patienceMs: number): Promise<string> {
  return page.evaluate(async (patience) => {
    const giveUp = new AbortController()
    const timer = setTimeout(() => giveUp.abort(), patience)
    const answer = fetch('/api/health', { cache: 'no-store', signal: giveUp.signal })
    const outcome = await answer.then(
      () => 'answered',
      () => 'hangs',
    )
    clearTimeout(timer)
    return outcome
  }, patienceMs)
}
