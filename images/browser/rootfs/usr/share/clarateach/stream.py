"""Selkies, whose health route proves which start of the browser it is.

Whoever else listens at the port (everything in a seat is its learner's) doesn't know the nonce, and does not
learn it here: `?challenge=…` is answered by an HMAC under it.
"""

import hashlib
import hmac
import os

from aiohttp import web

nonce = os.environ.pop("CLARATEACH_BROWSER_NONCE", "").encode()

from selkies.__main__ import main  # noqa: E402  It reads the environment.
from selkies.stream_server import CentralizedStreamServer  # noqa: E402


async def health(_server, request):
    challenge = request.query.get("challenge", "")[:256].encode()
    return web.Response(text=hmac.new(nonce, challenge, hashlib.sha256).hexdigest())


CentralizedStreamServer.handle_health = health
main()
