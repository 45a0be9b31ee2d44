// Ours, loaded before the stream's own page. It lets the workspace's page, which frames this one, open ports, use the
// clipboard, hear it and see how the line is; and it gives a picture over plain http, where there is no WebCodecs, and asks
// for one that got lost.
//
// Whoever frames this page is the gateway's to say. It speaks to that page alone, and answers only what it knows.
'use strict'
;(() => {
  const CHANNEL = 'clarateach-browser'
  const TELL_EVERY_MS = 2000
  const SILENCE_MS = 8000

  // The stream's page refuses to begin without a secure context. All that it lacks there is its video decoder, without which
  // it takes pictures (JPEG), and the clipboard, which the workspace's page has a dialog for.
  if (!window.isSecureContext) {
    Object.defineProperty(window, 'isSecureContext', { value: true, configurable: true })
  }

  // Where the person's browser keeps nothing for framed pages, settings last as long as the page.
  for (const name of ['localStorage', 'sessionStorage']) {
    try {
      void window[name]
    } catch {
      Object.defineProperty(window, name, { value: inMemory(), configurable: true })
    }
  }

  // Shown smaller or larger than it is (a phone, a fine screen), letters of pixels left out or doubled are hard to read.
  const smooth = new CSSStyleSheet()
  smooth.replaceSync('canvas, video { image-rendering: auto !important }')
  document.adoptedStyleSheets = [...document.adoptedStyleSheets, smooth]

  /** @type {string | null} Of the page that frames this one, once it has spoken. */
  let parentOrigin = null
  let copied = null

  const tell = (message) => {
    if (parentOrigin !== null) window.parent.postMessage({ channel: CHANNEL, ...message }, parentOrigin)
  }
  const toStream = (message) => window.postMessage(message, window.location.origin)

  function inMemory() {
    const kept = new Map()
    return {
      get length() {
        return kept.size
      },
      key: (index) => [...kept.keys()][index] ?? null,
      getItem: (key) => kept.get(String(key)) ?? null,
      setItem: (key, value) => void kept.set(String(key), String(value)),
      removeItem: (key) => void kept.delete(String(key)),
      clear: () => kept.clear(),
    }
  }

  // Sound is off until this page asks for it: sound.py. The stream forgets that whenever it connects anew.
  const sound = { isWanted: false, asked: null, answer: '' }
  /** What plays it. Web browsers hold it back until the person has clicked somewhere; where sound is off it rests. */
  let player = null
  const { AudioContext } = window
  if (AudioContext) {
    window.AudioContext = class extends AudioContext {
      constructor(...options) {
        super(...options)
        player = this
        this.addEventListener('statechange', () => {
          if (this.state === 'running' && !sound.isWanted) playOrRest()
          tellSound()
        })
        playOrRest()
      }
    }
  }

  const playOrRest = () => {
    if (player === null || player.state === 'closed') return
    const done = sound.isWanted ? player.resume() : player.suspend()
    done.catch(() => {})
  }

  function tellSound() {
    const isOn = isStreaming() && sound.asked === window.selkiesTransport && sound.answer === 'on'
    let state = sound.isWanted ? 'starting' : 'off'
    if (sound.isWanted && sound.answer === 'failed') state = 'failed'
    else if (sound.isWanted && isOn) state = player === null || player.state === 'suspended' ? 'blocked' : 'on'
    tell({ type: 'sound', state })
  }

  const askForSound = () => {
    const { selkiesTransport } = window
    if (!isStreaming() || !sound.isWanted || sound.asked === selkiesTransport) return
    sound.asked = selkiesTransport
    sound.answer = ''
    selkiesTransport.addEventListener('message', hearOfSound)
    selkiesTransport.send('START_AUDIO')
  }

  function hearOfSound({ data, target }) {
    if (typeof data !== 'string' || !data.startsWith('{"type": "pipeline_status"')) return
    if (target && target !== sound.asked) return
    sound.answer = JSON.parse(data).clarateach
    playOrRest()
    tellSound()
  }

  const isStreaming = () => window.selkiesTransport?.readyState === WebSocket.OPEN

  // A line that died closes nothing, and says nothing: who was told how the line is, every second, and is no more, has lost it.
  let lastHeard = { socket: null, at: Infinity }
  const isHeard = () => {
    const socket = window.selkiesTransport
    if (socket !== lastHeard.socket) lastHeard = { socket, at: Infinity }
    if (window.stream_stats?.latest?.server === true) lastHeard.at = performance.now()
    return performance.now() - lastHeard.at < SILENCE_MS
  }

  const tellQuality = () => {
    const { codec } = window.stream_client ?? {}
    const { rtt_ms: rttMs } = window.stream_stats?.latest ?? {}
    tell({
      type: 'quality',
      connected: isHeard() && isStreaming(),
      rttMs: typeof rttMs === 'number' ? rttMs : null,
      fps: typeof window.fps === 'number' ? window.fps : 0,
      encoder: String(codec ?? ''),
    })
  }

  // A single image (JPEG) of a still screen is sent once. A page that begins to watch can miss it, before it knows what comes, and
  // nobody asks for another, as decoders of video do: it would see black until something moves.
  const LOOK_EVERY_MS = 1000
  const SAMPLE = 16
  const sample = document.createElement('canvas')
  sample.width = sample.height = SAMPLE
  const pen = sample.getContext('2d', { willReadFrequently: true })

  const isBlank = () => {
    const shown = [...document.querySelectorAll('canvas')].filter((canvas) => canvas.id !== '' && canvas.offsetWidth > 0)
    if (pen === null || shown.length === 0) return false
    pen.clearRect(0, 0, SAMPLE, SAMPLE)
    for (const canvas of shown) pen.drawImage(canvas, 0, 0, SAMPLE, SAMPLE)
    return pen.getImageData(0, 0, SAMPLE, SAMPLE).data.every((value, at) => at % 4 === 3 || value === 0)
  }

  const askAgain = () => {
    if (!document.hidden && isStreaming() && isBlank()) window.selkiesTransport.send('REQUEST_KEYFRAME')
  }

  const heard = {
    attach() {
      tell({ type: 'attached' })
    },
    open({ port }) {
      const { selkiesTransport } = window
      if (!Number.isInteger(port)) return
      if (isStreaming()) selkiesTransport.send(`clarateach_open,${port}`)
      else tell({ type: 'opened', port, ok: false })
    },
    clipboard({ text }) {
      if (typeof text === 'string') toStream({ type: 'clipboardUpdateFromUI', text })
    },
    focus() {
      window.focus()
    },
    sound({ on }) {
      if (sound.isWanted === (on === true)) return
      sound.isWanted = on === true
      if (sound.isWanted) askForSound()
      else {
        sound.asked?.removeEventListener('message', hearOfSound)
        if (sound.asked !== null && isStreaming()) sound.asked.send('STOP_AUDIO')
        sound.asked = null
      }
      playOrRest()
      tellSound()
    },
  }

  window.addEventListener('message', (event) => {
    const { data } = event
    if (typeof data !== 'object' || data === null) return
    if (event.source === window.parent && window.parent !== window && data.channel === CHANNEL) {
      // The first that frames this page stays the one that is told.
      parentOrigin ??= event.origin
      if (event.origin !== parentOrigin) return
      if (data.type === 'attach') {
        toStream({ type: 'statsOpen', open: true })
        if (copied !== null) tell({ type: 'clipboard', text: copied })
        tellSound()
      }
      if (Object.hasOwn(heard, data.type)) heard[data.type](data)
    } else if (event.source === window && data.type === 'clipboardContentUpdate' && typeof data.text === 'string') {
      if (data.text === copied) return
      copied = data.text
      tell({ type: 'clipboard', text: copied })
    } else if (event.source === window && data.type === 'commandDone') {
      // stream.py's word on a port that was to be opened.
      const [, word, port] = /^clarateach (opened|failed) (\d+)$/.exec(data.command) ?? []
      if (port !== undefined) tell({ type: 'opened', port: Number(port), ok: word === 'opened' })
    }
  })
  setInterval(tellQuality, TELL_EVERY_MS)
  setInterval(askAgain, LOOK_EVERY_MS)
  setInterval(askForSound, TELL_EVERY_MS / 4)
})()
