// The same by address, from another device in the room: every origin is a port of this machine.

import { OtherDevice } from '../fixtures/otherDevice.js'
import { playOwnOrigins } from '../fixtures/ownOrigins.js'
import { Scene } from '../fixtures/scene.js'

const device = OtherDevice.plugIn()
const isPreview = (host: string) => host.startsWith(`${device.roomAddress}:20`)
await playOwnOrigins(await Scene.open('origins-room', { device }), isPreview)
