// Every page at the size of a laptop and of a phone: room for everything, accessible, within its policy.

import assert from 'node:assert/strict'
import { mkdirSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Page } from 'playwright-core'
import { CURATED_SCREENSHOT } from '../fixtures/folders.js'
import { Looks } from '../fixtures/looks.js'
import { PASSWORD, Scene } from '../fixtures/scene.js'
import { Instructor } from '../pages/instructor.js'
import { Learner } from '../pages/learner.js'

const PROGRAM = `"""Prime numbers, the way Eratosthenes sieved them."""


def primes(limit: int) -> list[int]:
    sieve = [True] * (limit + 1)
    found = []
    for number in range(2, limit + 1):
        if sieve[number]:
            found.append(number)
            for multiple in range(number * number, limit + 1, number):
                sieve[multiple] = False
    return found


if __name__ == "__main__":
    print(*primes(60))
`
const PRIMES = '2 3 5 7 11 13 17 19 23 29 31 37 41 43 47 53 59'

const scene = await Scene.open('looks')
const { server, observer } = scene
const instructor = new Instructor(await scene.person('instructor'))
const ada = new Learner(await scene.person('Ada Lovelace'), 'Ada Lovelace')
const looks = new Looks()
let joinLink = ''
let workshop = ''

scene.step('policy_violations_would_be_noticed', async () => {
  await instructor.page.goto(server.origin)
  await instructor.page.evaluate(() => {
    const script = document.createElement('script')
    script.textContent = 'document.title = "this ran"'
    document.head.append(script)
  })
  assert.equal(observer.takeComplaints().length, 1)
  assert.notEqual(await instructor.page.title(), 'this ran')
})

scene.step('start_before_set_up', async () => {
  await instructor.page.getByRole('heading', { name: 'Almost there' }).waitFor()
  await looks.at(instructor.page, 'start')
})

scene.step('set_up', async () => {
  await instructor.page.goto(server.setupLink)
  await instructor.page.getByTestId('setup-form').waitFor()
  await looks.at(instructor.page, 'set-up')
})

scene.step('sign_in', async () => {
  await instructor.setUp(server.setupLink, PASSWORD)
  const visitor = await scene.person('visitor')
  await visitor.goto(server.origin)
  await visitor.getByTestId('signin-form').getByLabel('Password').fill('not the password')
  await visitor.keyboard.press('Enter')
  await visitor.getByText('This is not the password.').waitFor()
  await looks.at(visitor, 'sign-in')
})

scene.step('dashboard_without_workshops', async () => {
  await instructor.page.getByTestId('workshops-empty').waitFor()
  await looks.at(instructor.page, 'dashboard-empty')
})

scene.step('create_dialog_with_an_error', async () => {
  await instructor.page.getByTestId('create-workshop').click()
  const dialog = instructor.page.getByTestId('create-dialog')
  await dialog.getByText('More options').click()
  await dialog.getByRole('button', { name: 'Create workshop' }).click()
  await dialog.getByRole('alert').first().waitFor()
  // What is to be pressed is in sight, however long the form is.
  const create = dialog.getByRole('button', { name: 'Create workshop' })
  await looks.at(instructor.page, 'create-dialog', async () => {
    const [button, height] = [await create.boundingBox(), instructor.page.viewportSize()?.height ?? 0]
    assert(button && button.y + button.height <= height, `the button is at ${button?.y}, the window ends at ${height}`)
  })
  // An error is about what was typed then.
  await dialog.getByLabel('Name', { exact: true }).fill('P')
  await dialog.getByRole('alert').first().waitFor({ state: 'detached' })
  await dialog.getByRole('button', { name: 'Cancel' }).click()
})

scene.step('workshop_and_dashboard', async () => {
  await instructor.createWorkshop({ name: 'Python basics, Monday', seats: 2 })
  await instructor.seesStatus('ready')
  workshop = instructor.workshopId
  joinLink = await instructor.copyJoinLink()
  await join(ada)
  await instructor.seesLearners([ada.name], 'active')
  await looks.at(instructor.page, 'workshop', () => showsQr(instructor.page))
  await instructor.page.getByTestId('join-large').click()
  await looks.at(instructor.page, 'join-large', () => showsQr(instructor.page))
  await instructor.page.keyboard.press('Escape')
  await instructor.page.getByTestId('delete-workshop').click()
  await instructor.page.getByTestId('delete-dialog').waitFor()
  await looks.at(instructor.page, 'delete-dialog')
  await instructor.page.keyboard.press('Escape')
  await instructor.page.goto(`${server.origin}/workshops`)
  await instructor.page.getByTestId('workshop-card').waitFor()
  await looks.at(instructor.page, 'dashboard')
})

scene.step('join_with_an_error', async () => {
  const visitor = await scene.person('late')
  await visitor.goto(`${server.origin}/join`)
  await visitor.getByRole('button', { name: 'Join' }).click()
  await visitor.getByRole('alert').first().waitFor()
  await looks.at(visitor, 'join')
})

scene.step('join_again', async () => {
  const again = await ada.page.context().newPage()
  await again.goto(joinLink)
  await again.getByTestId('continue-as').waitFor()
  await looks.at(again, 'join-again')
  await again.close()
})

scene.step('workspace', async () => {
  const { page, terminal } = ada
  await looks.at(page, 'workspace-new', () => terminal.isAttached())
  await page.getByTestId('reconnect-note').getByRole('button', { name: 'Got it' }).click()
  await terminal.answers('mkdir lessons && touch README.md lessons/{loops,words}.py && ls -1', 'lessons')
  await writeProgram(page)
  await terminal.press('Control+l')
  await terminal.answers('python3 primes.py', PRIMES)
  await ada.treeItem('lessons').click()
  await ada.treeItem('loops.py').waitFor()
  await ada.openFile('primes.py')
  await looks.at(page, 'workspace', async (size) => {
    if (size === 'narrow') await page.getByTestId('pane-terminal').click()
    await terminal.isAttached()
  })
  if (process.env['UPDATE_SCREENSHOT'] === '1') {
    mkdirSync(dirname(CURATED_SCREENSHOT), { recursive: true })
    await page.screenshot({ path: CURATED_SCREENSHOT })
  }
})

scene.step('panes_of_a_phone', async () => {
  const { page } = ada
  for (const pane of ['files', 'editor'] as const) {
    await looks.at(page, `workspace-${pane}`, async (size) => {
      if (size === 'narrow') await page.getByTestId(`pane-${pane}`).click()
      const content = pane === 'files' ? page.getByTestId('file-tree') : page.locator('.monaco-editor')
      await content.first().waitFor()
    })
  }
})

scene.step('seat_menu', async () => {
  await ada.page.getByTestId('seat-menu').click()
  await ada.page.getByTestId('reconnect-code').waitFor()
  await looks.at(ada.page, 'seat-menu')
})

scene.step('end_of_the_workshop', async () => {
  await instructor.page.goto(`${server.origin}/workshops/${workshop}`)
  await instructor.deleteWorkshop()
  await looks.at(instructor.page, 'workshop-gone')
  await ada.seesTheEnd()
  await looks.at(ada.page, 'seat-ended')
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop })

scene.step('nothing_is_wider_than_the_room_it_has', async () => {
  assert.equal(looks.tooWide.join('\n'), '')
})

scene.step('axe_finds_nothing_serious', async () => {
  assert.equal(looks.inaccessible.join('\n'), '')
})

/** The card's, or the one in front of it. */
async function showsQr(page: Page): Promise<void> {
  const picture = page.getByTestId('join-qr').last()
  await picture.waitFor()
  await picture.evaluate((image: HTMLImageElement) => image.decode())
}

async function join(learner: Learner): Promise<void> {
  await learner.join(joinLink)
}

/** By the file API, as the page itself would save it. */
async function writeProgram(page: Page): Promise<void> {
  const url = `${server.origin}/debug/proxy/${workshop}/vm/${ada.seat}/files/primes.py`
  const status = await page.evaluate(
    async ([address, body]) => (await fetch(address, { method: 'PUT', headers: { 'If-None-Match': '*' }, body })).status,
    [url, PROGRAM] as const,
  )
  assert([200, 201, 204].includes(status), `writing the program was answered by ${status}`)
  await page.getByTestId('files-refresh').click()
}
