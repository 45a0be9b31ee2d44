"""The sound of the seat's browser, for the pages that asked for it.

Selkies has one switch a session: a learner who turns sound on would turn it on for everybody who watches, and whoever
watches has none of their own. Here every page has its own, and while none has it on, nothing is captured, encoded or sent.
"""

import asyncio
import json

from aiohttp import WSMsgType
from selkies.websockets_mode import DataStreamingServer

WISHES = {"START_AUDIO": True, "STOP_AUDIO": False}
listening = set()
# What a page wants, while that is carried out: one at a time, so that quick clicks end with the last one.
wanted = {}
at_work = set()


def hears(_server, page):
    return page in listening


def wish(server, page, is_on):
    is_being_carried_out = page in wanted
    wanted[page] = is_on
    if not is_being_carried_out:
        task = asyncio.ensure_future(carry_out(server, page))
        at_work.add(task)
        task.add_done_callback(at_work.discard)


async def carry_out(server, page):
    try:
        done = None
        while done != wanted[page]:
            done = wanted[page]
            async with server._audio_lock:
                state = await turn(server, page, done)
            await tell(page, state)
    finally:
        del wanted[page]


async def turn(server, page, is_on):
    """The state that the page is in then."""
    if is_on and not page.closed:
        listening.add(page)
        if await server._start_pcmflux_pipeline():
            return "on"
    listening.discard(page)
    if not listening:
        await server._stop_pcmflux_pipeline()
    return "failed" if is_on else "off"


async def tell(page, state):
    """Selkies' own word, which its page takes from anybody, and what our script makes of it."""
    try:
        await page.send_str(json.dumps({"type": "pipeline_status", "audio": state == "on", "clarateach": state}))
    except (ConnectionResetError, OSError, RuntimeError):
        pass


async def serve(self, page, *arguments, of_selkies=DataStreamingServer.ws_handler, **named):
    """Takes what pages say of sound before Selkies does, which hears none of it from those that watch."""
    receive = page.receive

    async def receive_other(*arguments, **named):
        while True:
            message = await receive(*arguments, **named)
            if message.type is not WSMsgType.TEXT or message.data not in WISHES:
                return message
            wish(self, page, WISHES[message.data])

    page.receive = receive_other
    try:
        await of_selkies(self, page, *arguments, **named)
    finally:
        wish(self, page, False)


async def stop(self, of_selkies=DataStreamingServer._stop_pcmflux_pipeline):
    """Selkies cancels its sender once and waits for its end, with the lock held. In Python 3.11 a wait that ends at that very
    moment swallows the cancellation (asyncio.wait_for), and the sender goes on for ever: so it is said until it is heard."""
    self.is_pcmflux_capturing = False
    sender = self.pcmflux_send_task
    while sender is not None and not sender.done():
        sender.cancel()
        await asyncio.wait({sender}, timeout=0.1)
    return await of_selkies(self)


async def leave_as_it_is(_server, _page, _display_id):
    """A page that comes changes nothing for those that are there."""


DataStreamingServer.ws_handler = serve
DataStreamingServer._hears_audio = hears
DataStreamingServer._stop_pcmflux_pipeline = stop
DataStreamingServer._apply_initial_audio_policy = leave_as_it_is
