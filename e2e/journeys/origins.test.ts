// A learner's web servers by name, on this machine: in a frame and in a tab, shared with the class, and of no use against
// whoever opens them.

import { playOwnOrigins } from '../fixtures/ownOrigins.js'
import { Scene } from '../fixtures/scene.js'

await playOwnOrigins(await Scene.open('origins'), (host) => /--ws-[a-z0-9]{8}\.localhost:\d+$/.test(host))
