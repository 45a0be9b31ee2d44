// Files as a learner meets them: the tree and the editor follow the seat, search and quick open lead there, and folders
// come and go by drop and by archive.

import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after } from 'node:test'
import { dropOn } from '../fixtures/drop.js'
import { Looks } from '../fixtures/looks.js'
import { Scene } from '../fixtures/scene.js'
import { Learner } from '../pages/learner.js'

/** A change on the seat is to be seen within a second, on a busy machine too. */
const SOON = { timeout: 1000 }
const TEXT = ['one', 'two', 'the needle is here', 'four'].join('\n')

const scene = await Scene.open('files')
const instructor = await scene.instructor()
const workshop = await scene.createWorkshop(instructor, 'Files', 1)
const ada = new Learner(await scene.person('Ada'), 'Ada')
const { page, terminal } = ada
const looks = new Looks()
const computer = mkdtempSync(join(tmpdir(), 'clarateach-computer-'))
after(() => rmSync(computer, { recursive: true, force: true }))

const editor = (path: string) => page.locator(`[data-testid="editor"][data-path="${path}"]`)
const lines = page.getByTestId('editor').locator('.view-lines')
const conflict = page.getByTestId('editor-conflict')
const transfer = page.getByTestId('transfer').last()

scene.step('tree_shows_what_the_shell_makes_within_a_second', async () => {
  await ada.join(workshop.join_url)
  await page.getByTestId('reconnect-note').getByRole('button', { name: 'Got it' }).click()
  await page.locator('[data-testid="file-tree"][data-live]').waitFor()
  await terminal.answers('mkdir -p lessons/deep closed; echo "made:$((1+1))"', 'made:2')
  await ada.treeItem('lessons').waitFor(SOON)
  await ada.treeItem('lessons').click()
  await ada.treeItem('deep').waitFor()

  const asked: string[] = []
  page.on('request', (request) => asked.push(new URL(request.url()).search))
  await terminal.answers('echo hello > lessons/new.txt; echo x > closed/unseen.txt; echo "made:$((1+2))"', 'made:3')
  await ada.treeItem('new.txt').waitFor(SOON)
  await terminal.answers('rm lessons/new.txt; echo "gone:$((1+3))"', 'gone:4')
  await ada.treeItem('new.txt').waitFor({ ...SOON, state: 'detached' })
  await ada.treeItem('deep').waitFor()
  assert(asked.includes('?path=lessons'), 'the open folder was never asked for')
  assert(!asked.includes('?path=closed'), 'a folder that is not open was asked for')
})

scene.step('names_that_are_not_text_are_shown_renamed_and_deleted', async () => {
  await terminal.answers(`touch $'caf\\xe9.txt'; mkdir $'odd\\xff'; touch $'odd\\xff/in'; echo "made:$((1+5))"`, 'made:6')
  await ada.treeItem('caf\\xe9.txt').click()
  const name = page.getByTestId('file-name-input')
  assert.equal(await name.inputValue(), 'café.txt')
  await name.press('Enter')
  await ada.treeItem('café.txt').waitFor()
  await ada.treeItem('odd\\xff').focus()
  await page.keyboard.press('Delete')
  await page.getByRole('alertdialog').getByRole('button', { name: 'Delete' }).click()
  await ada.treeItem('odd\\xff').waitFor({ state: 'detached' })
  await terminal.answers('echo "left: $(ls -m)"; rm café.txt', 'left: café.txt, closed, lessons')
})

scene.step('folder_with_more_than_is_listed_says_so_and_stays_quick', async () => {
  await terminal.answers(`mkdir many; (cd many; seq -w 1 20500 | xargs touch); echo "made:$((3+4))"`, 'made:7')
  await ada.treeItem('many').click()
  await page.getByTestId('files-truncated').getByText('Only the first 20,000').waitFor()
  assert((await page.getByTestId('file-item').count()) < 300, 'every row was made')
  await ada.treeItem('many').focus()
  await page.keyboard.press('End')
  await page.locator('[aria-label="20000"]:focus').waitFor()
  await terminal.answers('rm -r many; ls | wc --lines', '2')
  await ada.treeItem('many').waitFor({ state: 'detached' })
})

scene.step('untouched_file_follows_and_an_edited_one_is_left_alone', async () => {
  await terminal.answers(`printf '%s\\n' one two > notes.txt; echo "made:$((2+2))"`, 'made:4')
  await ada.openFile('notes.txt')
  await terminal.answers(`printf '%s\\n' one changed > notes.txt; echo "changed:$((2+3))"`, 'changed:5')
  await lines.getByText('changed').waitFor(SOON)
  await ada.write('mine ')
  await terminal.answers(`printf '%s\\n' theirs > notes.txt; echo "changed:$((3+3))"`, 'changed:6')
  await conflict.waitFor(SOON)
  await lines.getByText('mine').waitFor()
})

scene.step('both_texts_are_compared_and_mine_is_kept', async () => {
  await conflict.getByRole('button', { name: 'Compare' }).click()
  const compare = page.getByTestId('editor-compare')
  await compare.getByText('theirs').first().waitFor()
  await looks.at(page, 'files-compare', async (size) => {
    if (size === 'narrow') await page.getByTestId('pane-editor').click()
    await compare.getByText('theirs').first().waitFor()
  })
  await conflict.getByRole('button', { name: 'Keep mine' }).click()
  await compare.waitFor({ state: 'detached' })
  await page.getByTestId('editor-save').click()
  await ada.hasSaved()
  await terminal.answers('clear; grep --count mine notes.txt', '1')
})

scene.step('removed_file_keeps_its_text_and_is_saved_again', async () => {
  await terminal.answers('clear; mkdir gone; mv notes.txt gone/; rm -r gone; echo "gone:$((4+4))"', 'gone:8')
  const removed = page.getByTestId('editor-removed')
  await removed.waitFor(SOON)
  await lines.getByText('mine').waitFor()
  await looks.at(page, 'files-removed')
  await removed.getByRole('button', { name: 'Save it again' }).click()
  await removed.waitFor({ state: 'detached' })
  await terminal.answers('clear; grep --count mine notes.txt', '1')
})

scene.step('search_opens_the_file_at_the_match', async () => {
  await terminal.answers(`clear; printf '${TEXT.replaceAll('\n', '\\n')}' > lessons/deep/hay.txt; echo "made:$((5+5))"`, 'made:10')
  await terminal.press('Control+Shift+F')
  await page.getByTestId('search-input').waitFor()
  await page.keyboard.type('needle')
  await page.getByTestId('search-match').waitFor()
  await looks.at(page, 'files-search', async (size) => {
    if (size === 'narrow') await page.getByTestId('pane-search').click()
    await page.getByTestId('search-match').waitFor()
  })
  await page.getByTestId('search-input').focus()
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('ArrowDown')
  await page.keyboard.press('Enter')
  await editor('lessons/deep/hay.txt').locator('.view-lines').waitFor()
  await page.locator('[data-testid="editor"] :focus').waitFor({ state: 'attached' })
  await page.keyboard.type('thread') // In place of the match, which is selected.
  await page.keyboard.press('Control+s')
  await ada.hasSaved()
  await terminal.answers('clear; cat lessons/deep/hay.txt | grep thread', 'the thread is here')
})

scene.step('search_says_what_is_wrong_with_a_pattern', async () => {
  await page.getByTestId('search-input').fill('(')
  await page.getByRole('button', { name: 'Regular expression' }).click()
  await page.locator('[data-testid="search-input"][aria-invalid]').waitFor()
  await page.getByTestId('search-input').fill('nothing of this kind')
  await page.getByText('Nothing found.').waitFor()
  await page.getByTestId('search-input').fill('thr..d')
  await page.getByTestId('search-match').waitFor()
})

scene.step('quick_open_goes_to_a_file_by_a_few_letters', async () => {
  await page.getByTestId('pane-files').click()
  await page.locator('[data-testid="file-tree"]').waitFor()
  await page.getByTestId('files-more').click()
  await page.getByRole('menuitem', { name: 'Go to file…' }).click()
  await page.getByTestId('quick-open-input').waitFor()
  await page.keyboard.type('hay')
  await page.locator('[data-testid="quick-open-option"][data-path="lessons/deep/hay.txt"]').waitFor()
  await page.keyboard.press('Escape')
  await page.getByTestId('quick-open').waitFor({ state: 'detached' })

  await lines.click()
  await page.keyboard.press('Control+p')
  await page.getByTestId('quick-open-input').fill('nts')
  await page.locator('[data-testid="quick-open-option"][data-path="notes.txt"]').waitFor()
  await looks.at(page, 'files-quick-open')
  await page.keyboard.press('Enter')
  await editor('notes.txt').waitFor()
  await page.locator('[data-testid="editor"] :focus').waitFor({ state: 'attached' })
})

scene.step('dropped_folder_arrives_and_conflicts_are_asked_once', async () => {
  mkdirSync(join(computer, 'photos/2026'), { recursive: true })
  writeFileSync(join(computer, 'photos/list.txt'), 'from my computer')
  writeFileSync(join(computer, 'photos/2026/one.bin'), Buffer.alloc(300_000, 7))
  await dropOn(page, page.getByTestId('file-tree'), [join(computer, 'photos')])
  await page.locator('[data-testid="transfer"][data-state="done"]').waitFor()
  await terminal.answers('clear; cat photos/list.txt; echo; wc --bytes < photos/2026/one.bin', '300000')

  await dropOn(page, page.getByTestId('file-tree'), [join(computer, 'photos')])
  const dialog = page.getByTestId('conflict-dialog')
  await dialog.waitFor()
  await looks.at(page, 'files-conflict', async (size) => {
    if (size === 'narrow') await dialog.waitFor()
  })
  await dialog.getByRole('button', { name: 'Keep both' }).click()
  await ada.treeItem('photos').click()
  await ada.treeItem('list (2).txt').waitFor()
})

scene.step('chosen_file_replaces_the_one_that_is_there_when_told_to', async () => {
  writeFileSync(join(computer, 'list.txt'), 'newer')
  await ada.treeItem('photos').click({ button: 'right' })
  const chooser = page.waitForEvent('filechooser')
  await page.getByRole('menuitem', { name: 'Upload files…' }).click()
  await (await chooser).setFiles(join(computer, 'list.txt'))
  await page.getByTestId('conflict-dialog').getByRole('button', { name: 'Replace' }).click()
  await transfer.getByText('Uploaded 1 of 1 file to photos.').waitFor()
  await terminal.answers('clear; echo "now $(cat photos/list.txt)"', 'now newer')
})

scene.step('folder_that_was_downloaded_unpacks_to_the_same', async () => {
  const zip = join(computer, 'lessons.zip')
  const download = page.waitForEvent('download')
  await ada.treeItem('lessons').click({ button: 'right' })
  await page.getByRole('menuitem', { name: 'Download as .zip' }).click()
  await (await download).saveAs(zip)

  await terminal.answers('clear; mkdir copy; echo "made:$((6+6))"', 'made:12')
  await ada.treeItem('copy').waitFor(SOON)
  await dropOn(page, ada.treeItem('copy'), [zip])
  await page.getByTestId('archive-dialog').getByRole('button', { name: 'Unpack here' }).click()
  await transfer.getByText(/^Unpacked /).waitFor()
  await terminal.answers('clear; diff -r lessons copy/lessons && echo "same:$((7+7))"', 'same:14')
})

scene.step('unpacking_asks_before_it_overwrites', async () => {
  await terminal.answers('clear; echo mine > copy/lessons/deep/hay.txt; cat copy/lessons/deep/hay.txt', 'mine')
  await dropOn(page, ada.treeItem('copy'), [join(computer, 'lessons.zip')])
  await page.getByTestId('archive-dialog').getByRole('button', { name: 'Unpack here' }).click()
  const dialog = page.getByTestId('conflict-dialog')
  await dialog.getByText('hay.txt').waitFor()
  await dialog.getByRole('button', { name: 'Cancel' }).click()
  await page.locator('[data-testid="transfer"][data-state="cancelled"]').waitFor()
  await terminal.answers('clear; echo "still $(cat copy/lessons/deep/hay.txt)"', 'still mine')
})

scene.step('resources_say_what_is_used_and_what_to_do', async () => {
  await page.getByTestId('resources').click()
  await page.getByRole('dialog', { name: 'What your seat uses' }).waitFor()
  await looks.at(page, 'files-resources')
  await page.keyboard.press('Escape')
})

scene.step('program_that_takes_all_memory_is_told_of_once', async () => {
  await terminal.answers('clear; python3 -c "x = bytearray(2 << 30)" 2>/dev/null; echo "ended:$?"', 'ended:137')
  const notice = page.getByTestId('out-of-memory')
  await notice.waitFor()
  await looks.at(page, 'files-out-of-memory')
  await notice.getByRole('button', { name: 'Got it' }).click()
  await ada.reload()
  await page.getByTestId('resources').waitFor()
  assert.equal(await notice.count(), 0)
})

scene.step('terminal_of_another_device_appears_and_goes_by_itself', async () => {
  const code = await ada.reconnectCode()
  const again = new Learner(await scene.person('Ada-again'), 'Ada')
  await again.join(workshop.join_url, code)
  const other = await again.newTerminal()
  const tab = page.locator(`[data-testid="tab"][data-tab="${other.name}"]`)
  await tab.waitFor()
  await again.page.getByRole('button', { name: `Close terminal ${other.name}` }).click()
  await tab.waitFor({ state: 'detached' })
})

scene.step('workshop_goes', async () => {
  await scene.deleteWorkshop(instructor, workshop.id)
  await ada.seesTheEnd()
})

scene.endsWithoutLeaks({ secrets: ['code', 'token', 'reconnect_code'], logged: () => workshop.id })

scene.step('nothing_is_wider_than_the_room_it_has', async () => {
  assert.equal(looks.tooWide.join('\n'), '')
})

scene.step('axe_finds_nothing_serious', async () => {
  assert.equal(looks.inaccessible.join('\n'), '')
})
