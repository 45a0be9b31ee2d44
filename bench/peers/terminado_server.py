"""terminado as its documentation starts it: every connection gets a shell of its own."""

import asyncio

import terminado
import tornado.httpserver
import tornado.netutil
import tornado.web


async def main() -> None:
    manager = terminado.UniqueTermManager(shell_command=["/bin/bash", "-l"])
    application = tornado.web.Application(
        [(r"/terminal", terminado.TermSocket, {"term_manager": manager})]
    )
    [socket] = tornado.netutil.bind_sockets(0, "127.0.0.1")
    tornado.httpserver.HTTPServer(application).add_sockets([socket])
    print(socket.getsockname()[1], flush=True)
    await asyncio.Event().wait()


asyncio.run(main())
