"""Selkies, with six things of ours.

Its health route proves which start of the browser it is. Whoever else listens at the port (everything in a seat is its
learner's) doesn't know the nonce, and does not learn it here: `?challenge=…` is answered by an HMAC under it.

A page's message `clarateach_open,8000` opens the learner's own server in a new tab: web/clarateach.js sends it.

Every visitor comes by the gateway, from one address: connections that follow upon each other are a page that was loaded
again, or a learner and their instructor, and none of them is turned away for it. How many come at once is the gateway's.

Single images (JPEG), for pages without a video decoder, are several times as large as video: fewer of them are sent, so
that a class can share a hotel's Wi-Fi.

The screen is as large as the page's panel, but never narrower than Firefox, whose right side would be cut off (a phone), nor
larger than it can be. It has the panel's shape then, and the page shows it smaller or larger.

Sound is every page's own to turn on: sound.py.
"""

import asyncio
import hashlib
import hmac
import os

from aiohttp import web

nonce = os.environ.pop("CLARATEACH_BROWSER_NONCE", "").encode()
# What a program that Firefox starts could read is to open nothing.
without_secrets = {
    name: value for name, value in os.environ.items() if not name.startswith(("SELKIES_", "CLARATEACH_"))
}

from selkies.__main__ import main  # noqa: E402  It reads the environment.
from selkies.display_utils import parse_resize_dims  # noqa: E402
from selkies.input_handler import WebRTCInput  # noqa: E402
from selkies.settings import codec_for_encoder  # noqa: E402
from selkies.stream_server import CentralizedStreamServer  # noqa: E402
from selkies.websockets_mode import DataStreamingServer  # noqa: E402
import sound  # noqa: E402, F401  It changes what it needs to.

FIREFOX_PATIENCE = 20  # seconds; a tab takes one or two
OPEN = "clarateach_open,"
MOST_OPENING = 8
IMAGES_A_SECOND = 10.0
NARROWEST = 504  # pixels; Firefox's window has 500 at least
LARGEST = [int(pixels) for pixels in os.environ.get("CLARATEACH_SCREEN", "1920x1080").split("x")]
one_at_a_time = asyncio.Lock()
opening = set()


async def health(_server, request):
    challenge = request.query.get("challenge", "")[:256].encode()
    return web.Response(text=hmac.new(nonce, challenge, hashlib.sha256).hexdigest())


async def open_page(port):
    """Tells the running Firefox; whether it took it."""
    async with one_at_a_time:
        firefox = await asyncio.create_subprocess_exec(
            "firefox-esr",
            "--profile",
            os.path.join(os.environ["HOME"], "profile"),
            "--new-tab",
            f"http://localhost:{port}/",
            env=without_secrets,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.DEVNULL,
        )
        try:
            return await asyncio.wait_for(firefox.wait(), FIREFOX_PATIENCE) == 0
        except asyncio.TimeoutError:
            firefox.kill()
            return False


async def on_message(self, msg, display_id="primary", conn_id=None, of_selkies=WebRTCInput.on_message):
    """Every message of a page that may type; those of pages that watch end before."""
    if not isinstance(msg, str) or not msg.startswith(OPEN):
        return await of_selkies(self, msg, display_id, conn_id=conn_id)
    port = msg[len(OPEN) :]
    # Waiting for Firefox here would hold back what is typed.
    if port.isascii() and port.isdigit() and 1024 <= int(port[:6]) <= 65535 and len(opening) < MOST_OPENING:
        task = asyncio.ensure_future(open_and_tell(self, int(port), conn_id))
        opening.add(task)
        task.add_done_callback(opening.discard)


async def open_and_tell(input_handler, port, conn_id):
    word = "opened" if await open_page(port) else "failed"
    input_handler.send_command_status(f"command_done,clarateach {word} {port}", conn_id)


def begin(self, *arguments, of_selkies=DataStreamingServer.__init__, **named):
    of_selkies(self, *arguments, **named)
    self.RECONNECT_DEBOUNCE_MS = 0


def capture_fps(self, display_state, of_selkies=DataStreamingServer._capture_fps):
    rate = of_selkies(self, display_state)
    encoder = display_state.get("encoder", self.app.encoder)
    return min(rate, IMAGES_A_SECOND) if codec_for_encoder(encoder) == "jpeg" else rate


def screen_for(width, height):
    """The screen for a panel of this size: of its shape, as far as a screen can be."""
    larger = max(1, NARROWEST / width)
    scale = min(larger, LARGEST[0] / width, max(NARROWEST / width, LARGEST[1] / height))
    if scale == 1:
        return width, height
    return max(8, round(width * scale) // 8 * 8), max(2, min(LARGEST[1], round(height * scale)) // 2 * 2)


async def resize(self, size, display_id="primary", of_selkies=DataStreamingServer._handle_resize):
    panel = parse_resize_dims(size)
    screen = panel and screen_for(*panel)
    if screen == panel:
        return await of_selkies(self, size, display_id)
    await of_selkies(self, f"{screen[0]}x{screen[1]}", display_id)
    # Where the screen had that size already, nobody would tell the page that it is not the panel's.
    await self.broadcast_stream_resolution()


def parse_settings(self, payload, of_selkies=DataStreamingServer._parse_settings_payload):
    settings = of_selkies(self, payload)
    width, height = settings["initialClientWidth"], settings["initialClientHeight"]
    if width and height and width > 0 and height > 0:
        settings["initialClientWidth"], settings["initialClientHeight"] = screen_for(width, height)
    return settings


DataStreamingServer.__init__ = begin
DataStreamingServer._handle_resize = resize
DataStreamingServer._parse_settings_payload = parse_settings
DataStreamingServer._capture_fps = capture_fps
WebRTCInput.on_message = on_message
CentralizedStreamServer.handle_health = health
main()
