"""Prints a session's events as they come, each once and in order: python subscribe.py SESSION ACCOUNT"""

import asyncio
import base64
import json
import os
import sys
import time
import uuid

import jwt
import socketio

url = os.environ.get("RELAY_URL", "http://localhost:8080")
key = base64.b64decode(os.environ["RELAY_SECRET"].removeprefix("whsec_"))
session, account = sys.argv[1:]
cursor = None  # "I have everything up to here"
over = None  # why there is no coming back
sio = socketio.AsyncClient(reconnection=False)  # `main` comes back


def token():
    """Belongs to the server of your app, which knows who asks. The secret never gets into a page."""
    now = int(time.time())
    claims = {"sub": account, "sessionId": session, "scope": ["subscribe"], "jti": str(uuid.uuid4())}
    life = int(os.environ.get("TOKEN_SECONDS", 300))
    return jwt.encode(claims | {"iat": now, "exp": now + life}, key, algorithm="HS256")


# Plain functions, because the library may hand events to coroutines in another order.
@sio.on("*")
def hear(name, data):
    global cursor, over
    if name == "event":
        print(data["seq"], data["event"], json.dumps(data["payload"]), flush=True)
        cursor = data["cursor"]
    elif name == "relay:ready":
        cursor = cursor or data["cursor"]  # where it was not `recovered`, relay:resync follows and has the cursor
        print(f"ready: {data['replayed']} missed", file=sys.stderr, flush=True)
    elif name == "relay:resync":
        cursor = data["cursor"]
        print(f"resync: {data['reason']}", file=sys.stderr, flush=True)  # here an app loads its state again
    elif name == "relay:bye" and not data["reconnect"]:
        over = f"{data['code']}: {data['reason']}"


@sio.on("relay:expiring")
async def expiring(_):
    await sio.emit("relay:refresh", {"token": token()})


@sio.on("connect_error")
def refused(error):
    global over
    if isinstance(error, dict) and not error["data"]["retryable"]:  # else it is the network, or will pass
        over = f"{error['message']}: {error['data']['detail']}"


async def main():
    while not over:
        try:
            handshake = lambda: {"token": token(), "cursor": cursor}
            await sio.connect(url, auth=handshake, transports=["websocket"], wait_timeout=10)
            await sio.wait()
        except socketio.exceptions.ConnectionError:
            await asyncio.sleep(1)


asyncio.run(main())
sys.exit(over)
