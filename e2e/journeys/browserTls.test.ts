// The same at a domain with TLS in front, as in production: names of the domain, and a secure context's video.

import { playBrowser, playNoBrowser, WITHOUT_IMAGE } from '../fixtures/browser.js'
import { Scene } from '../fixtures/scene.js'
import { DOMAIN, TlsFront } from '../fixtures/tlsFront.js'

const tls = await TlsFront.open()
if (process.env['CLARATEACH_TEST_ALL'] === '1') {
  const scene = await Scene.open('browser-tls', { tls, flags: ['--browser-pause-after', '3s'] })
  const isOwn = (host: string) => /(^|--)ws-[a-z0-9]{8}\./.test(host) && host.endsWith(`.${DOMAIN}`)
  await playBrowser(scene, { isOwn, isSecure: true })
} else await playNoBrowser(await Scene.open('browser-tls', { tls, flags: WITHOUT_IMAGE }))
