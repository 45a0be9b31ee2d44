// The same by address, from another device in the room: plain http, so the picture comes without WebCodecs.

import { playBrowser, playNoBrowser, WITHOUT_IMAGE } from '../fixtures/browser.js'
import { playImages } from '../fixtures/browserImages.js'
import { playText } from '../fixtures/browserPanel.js'
import { OtherDevice } from '../fixtures/otherDevice.js'
import { Scene } from '../fixtures/scene.js'

const device = OtherDevice.plugIn()
if (process.env['CLARATEACH_TEST_ALL'] === '1') {
  const scene = await Scene.open('browser-room', { device, flags: ['--browser-pause-after', '3s'] })
  const isOwn = (host: string) => host.startsWith(`${device.roomAddress}:20`)
  await playBrowser(scene, {
    isOwn,
    isSecure: false,
    also(stage) {
      playText(stage)
      playImages(stage)
    },
  })
} else await playNoBrowser(await Scene.open('browser-room', { device, flags: WITHOUT_IMAGE }))
