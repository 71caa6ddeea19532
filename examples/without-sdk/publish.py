"""Publishes one event: python publish.py SESSION NAME PAYLOAD"""

import json
import os
import sys
import time
import urllib.request
import uuid
from datetime import datetime, timezone

from standardwebhooks import Webhook

url = os.environ.get("RELAY_URL", "http://localhost:8080")
webhook = Webhook(os.environ["RELAY_SECRET"])  # whsec_…, as `forge-relay keys new` makes it
session, name, payload = sys.argv[1:]
event = {"sessionId": session, "event": name, "payload": json.loads(payload)}
event["nonce"] = str(uuid.uuid4())  # the same in every attempt: the relay delivers the event once


def send():
    """Stamps and signs anew each time, because both are good for five minutes only."""
    now = datetime.now(timezone.utc)
    body = json.dumps(event | {"timestamp": now.isoformat()})
    request = urllib.request.Request(f"{url}/events", body.encode(), {"content-type": "application/json"})
    message = f"msg_{uuid.uuid4()}"
    request.add_header("webhook-id", message)
    request.add_header("webhook-timestamp", str(int(now.timestamp())))
    request.add_header("webhook-signature", webhook.sign(message, now, body))
    with urllib.request.urlopen(request, timeout=5) as answer:
        return answer.read().decode()


for attempt in range(1, 7):
    try:
        print(send())  # the receipt: it is in the session's log
        break
    except OSError as error:  # no network; or an answer that is no receipt, which then is an HTTPError
        status = getattr(error, "code", 0)
        if attempt == 6 or (0 < status < 500 and status != 429):
            sys.exit(error.read().decode() if status else str(error))
        time.sleep(float(error.headers.get("retry-after", attempt) if status else attempt))
