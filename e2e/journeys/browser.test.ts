// A seat's browser by name: its picture, mouse and keys, and in the long run who watches it, its sound and its pauses.

import { playBrowser } from '../fixtures/browser.js'
import { playPanel, playText } from '../fixtures/browserPanel.js'
import { Scene } from '../fixtures/scene.js'

const scene = await Scene.open('browser', { flags: ['--browser-pause-after', '3s'] })
await playBrowser(scene, {
  isOwn: (host) => /--ws-[a-z0-9]{8}\.localhost:\d+$/.test(host),
  isSecure: true,
  isSample: process.env['CLARATEACH_TEST_ALL'] !== '1',
  also(stage) {
    playText(stage)
    playPanel(stage)
  },
})
