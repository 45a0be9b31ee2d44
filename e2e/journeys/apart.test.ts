// Two learners of one workshop: neither their browsers nor their files meet.

import assert from 'node:assert/strict'
import { Scene } from '../fixtures/scene.js'
import { Learner } from '../pages/learner.js'

interface Join {
  token: string
  endpoint: string
  seat: number
}

const scene = await Scene.open('apart')
const { server } = scene
const instructor = await scene.instructor()
const workshop = await scene.createWorkshop(instructor, 'Apart', 2)
const ada = new Learner(await scene.person('Ada'), 'Ada')
const blaise = new Learner(await scene.person('Blaise'), 'Blaise')
const joins = new Map<Learner, Join>()

scene.step('both_work_on_a_seat_of_their_own', async () => {
  await Promise.all(
    [ada, blaise].map(async (learner) => {
      const answer = learner.page.waitForResponse((response) => response.url().endsWith('/api/join'))
      await learner.join(workshop.join_url)
      joins.set(learner, (await (await answer).json()) as Join)
      await learner.terminal.run(`echo mine > of-${learner.name}.txt`)
      await learner.treeItem(`of-${learner.name}.txt`).waitFor()
    }),
  )
  assert.notEqual(ada.seat, blaise.seat)
})

scene.step('files_of_one_are_not_the_others', async () => {
  assert.equal(await ada.treeItem('of-Blaise.txt').count(), 0)
  assert.equal(await blaise.treeItem('of-Ada.txt').count(), 0)
  await ada.terminal.answers('ls', 'of-Ada.txt')
})

scene.step('token_of_one_seat_is_refused_on_every_other', async () => {
  for (const path of ['session', 'terminals', 'files?path=', 'files/of-Blaise.txt', 'stats']) {
    assert.equal(await statusFrom(ada, `vm/${ada.seat}/${path.replace('Blaise', 'Ada')}`, tokenOf(ada)), 200, path)
    assert.equal(await statusFrom(ada, `vm/${blaise.seat}/${path}`, tokenOf(ada)), 403, path)
    assert.equal(await statusFrom(ada, `vm/77/${path}`, tokenOf(ada)), 403, `${path} of a seat that is not there`)
  }
})

scene.step('browser_of_one_has_no_credential_for_the_other', async () => {
  assert.equal(await statusFrom(ada, `vm/${ada.seat}/files?path=`), 200)
  assert.equal(await statusFrom(ada, `vm/${blaise.seat}/files?path=`), 401)
})

scene.step('cookie_carried_over_by_hand_is_refused', async () => {
  const cookie = (await ada.page.context().cookies(`${endpoint()}/vm/${ada.seat}/`)).find(({ path }) => path !== '/')
  assert(cookie, 'Ada has no seat cookie')
  const status = async (seat: number) => {
    const headers = { Cookie: `${cookie.name}=${cookie.value}` }
    return (await fetch(`${endpoint()}/vm/${seat}/files?path=`, { headers })).status
  }
  assert.equal(await status(ada.seat), 200)
  assert.equal(await status(blaise.seat), 403)
})

scene.step('terminal_of_the_other_does_not_open', async () => {
  assert.equal(await opensTerminal(ada, ada.seat), true)
  assert.equal(await opensTerminal(ada, blaise.seat), false)
})

scene.step('learner_has_no_way_into_the_instructors_api', async () => {
  const status = (learner: Learner, headers: Record<string, string>) =>
    learner.page.evaluate(
      async ([url, sent]) => (await fetch(url, { headers: sent })).status,
      [`${server.origin}/api/workshops`, headers] as const,
    )
  assert.equal(await status(ada, {}), 401)
  assert.equal(await status(ada, { Authorization: `Bearer ${tokenOf(ada)}` }), 401)
  assert.equal((await instructor.context().request.get(`${server.origin}/api/workshops`)).status(), 200)
})

scene.step('workshop_goes', async () => {
  await scene.deleteWorkshop(instructor, workshop.id)
  await Promise.all([ada.seesTheEnd(), blaise.seesTheEnd()])
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop.id })

function tokenOf(learner: Learner): string {
  const { token } = joins.get(learner) ?? {}
  assert(token, `${learner.name} has no token`)
  return token
}

function endpoint(): string {
  const { endpoint: url } = joins.get(ada) ?? {}
  assert(url)
  return url
}

/** What this learner's own page gets, with its cookies and perhaps a token. */
async function statusFrom(learner: Learner, path: string, token?: string): Promise<number> {
  const headers: Record<string, string> = token === undefined ? {} : { Authorization: `Bearer ${token}` }
  return learner.page.evaluate(
    async ([url, sent]) => (await fetch(url, { headers: sent, credentials: sent['Authorization'] ? 'omit' : 'include' })).status,
    [`${endpoint()}/${path}`, headers] as const,
  )
}

async function opensTerminal(learner: Learner, seat: number): Promise<boolean> {
  return learner.page.evaluate(
    (url) =>
      new Promise<boolean>((resolve) => {
        const socket = new WebSocket(url, 'clarateach.terminal.v1')
        socket.onopen = () => {
          socket.close()
          resolve(true)
        }
        socket.onerror = () => resolve(false)
      }),
    `${endpoint().replace(/^http/, 'ws')}/vm/${seat}/terminal?name=main&cols=80&rows=24`,
  )
}
