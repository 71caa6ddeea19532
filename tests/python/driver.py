"""Lets the Rust tests drive python-socketio, as tests/js/driver.mjs does socket.io-client: commands come in on stdin and
answers and events go out on stdout, one JSON object a line. It ends when stdin does."""

import asyncio
import json
import sys
import traceback

import engineio
import socketio

# By default a client that polls gives up on an answer of more than 16 packets, and so never catches up with more events
# that it missed.
engineio.payload.Payload.max_decode_packets = 1000

clients = {}


def out(**line):
    print(json.dumps(line), flush=True)


class Client:
    """A client as the documentation writes it: it keeps its cursor, and asks for its token at each connect.

    It is the library's AsyncClient with plain functions as handlers. The other one, `socketio.Client`, gives each
    message a thread of its own, and so hands them out in any order."""

    def __init__(self, client, url, token, cursor=None, options=None):
        self.client, self.url, self.token, self.cursor = client, url, token, cursor
        self.options = options or {}
        self.sio = socketio.AsyncClient(reconnection_delay=0.02, reconnection_delay_max=0.05, randomization_factor=0)
        self.sio.on("connect", lambda: self.say("connect", {"id": self.sio.get_sid()}))
        self.sio.on("disconnect", lambda reason: self.say("disconnect", {"reason": reason}))
        self.sio.on("connect_error", self.refused)
        self.sio.on("*", self.hear)

    def say(self, name, data):
        out(client=self.client, name=name, data=data)

    def refused(self, error):
        """The server's words; or the library's, as text, where it did not get that far."""
        self.say("connect_error", error if isinstance(error, dict) else {"message": str(error), "data": None})

    def hear(self, name, data=None):
        if name in ("relay:ready", "relay:resync", "event"):
            self.cursor = data["cursor"]
        self.say(name, data)

    async def connect(self):
        try:
            await self.sio.connect(
                self.url,
                auth=lambda: {"token": self.token, "cursor": self.cursor},
                wait_timeout=10,
                **self.options,
            )
        except socketio.exceptions.ConnectionError:
            pass  # `refused` has said why

    async def lose(self):
        """The network goes away under the client, which comes back by itself."""
        if self.sio.transport() == "websocket":
            await self.sio.eio.ws.close()
        else:
            await self.sio.eio.http.close()


async def connect(client, **arguments):
    clients[client] = Client(client, **arguments)
    await clients[client].connect()


async def hold(client, **change):
    """The token, or the cursor, of the next connect."""
    for name, value in change.items():
        setattr(clients[client], name, value)


async def reconnect(client):
    await clients[client].connect()


async def disconnect(client):
    """It leaves, or stops trying to come back."""
    await clients[client].sio.shutdown()


async def lose(client):
    await clients[client].lose()


async def transport(client):
    """Which transport it is on now: `polling` or `websocket`."""
    return clients[client].sio.transport()


async def emit(client, name, data):
    """Answers with what the relay acknowledged."""
    return await clients[client].sio.call(name, data, timeout=5)


OPERATIONS = {
    operation.__name__: operation for operation in (connect, hold, reconnect, disconnect, lose, transport, emit)
}


async def run(call, op, **command):
    try:
        out(call=call, answer=await OPERATIONS[op](**command))
    except Exception:
        out(call=call, error=traceback.format_exc())


async def main():
    stdin = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(stdin), sys.stdin)
    running = set()
    while line := await stdin.readline():
        # Not awaited: one slow operation must not hold up another.
        task = asyncio.create_task(run(**json.loads(line)))
        running.add(task)
        task.add_done_callback(running.discard)


asyncio.run(main())
