// A seat's browser by name: its picture, mouse and keys, who watches it, and its pauses. That takes the browser's image,
// which only the long run makes; the short one sees what a learner is told without it.

import { playBrowser, playNoBrowser, WITHOUT_IMAGE } from '../fixtures/browser.js'
import { playPanel, playText } from '../fixtures/browserPanel.js'
import { Scene } from '../fixtures/scene.js'

if (process.env['CLARATEACH_TEST_ALL'] === '1') {
  const scene = await Scene.open('browser', { flags: ['--browser-pause-after', '3s'] })
  const isOwn = (host: string) => /--ws-[a-z0-9]{8}\.localhost:\d+$/.test(host)
  await playBrowser(scene, {
    isOwn,
    isSecure: true,
    also(stage) {
      playText(stage)
      playPanel(stage)
    },
  })
} else await playNoBrowser(await Scene.open('browser', { flags: WITHOUT_IMAGE }))
