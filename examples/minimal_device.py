"""A whole device in Python's standard library: python3 minimal_device.py BUNDLE.json [--count N] [--every SECONDS]."""

import argparse
import json
import random
import select
import socket
import ssl
import threading
import time
from pathlib import Path

parser = argparse.ArgumentParser(description=__doc__)
parser.add_argument("bundle", type=Path, help="the file that `memcore devices enroll` made for this device")
parser.add_argument("--count", type=int, default=1 << 53, help="end when so many readings are durable")
parser.add_argument("--every", type=float, default=1.0, help="seconds between two readings")
bundle = json.loads((options := parser.parse_args()).bundle.read_text())
power = {"name": "power", "quantity": "power", "unit": "W"}
relay = {"name": "relay", "quantity": "switch", "unit": "on/off", "kind": "state", "range": [0, 1], "writable": True}
hello = {"type": "hello", "version": 1, "credential": bundle["credential"], "boot": random.getrandbits(53)}
kept, answers, taken, due, state, lease = {}, {}, 0, 0.0, {"relay": 0.0}, threading.Timer(0, print)
host, port = bundle["server"].rsplit(":", 1)
tls = ssl.create_default_context(cadata=bundle["ca_pem"])
while taken < options.count or kept:
    try:
        with socket.create_connection((host, port), 10) as raw, tls.wrap_socket(raw, server_hostname=host) as link:
            out, buffer, ahead = [{**hello, "channels": [power, relay]}], b"", None  # ahead: of our own clock
            while taken < options.count or kept:
                link.sendall(b"".join(json.dumps(message).encode() + b"\n" for message in out))
                out = []
                if link.pending() or select.select([link], [], [], 0.02)[0]:
                    buffer += (received := link.recv(65536))
                    if not received:
                        raise ConnectionError("the server has hung up")
                *lines, buffer = buffer.split(b"\n")
                for message in map(json.loads, lines):
                    durable = message.get("durable", message["seq"] if message["type"] == "ack" else 0)
                    kept = {seq: reading for seq, reading in kept.items() if seq > durable}
                    if message["type"] == "welcome":  # what is not durable is sent again, under its number
                        ahead, out = message["time_us"] / 1e6 - time.monotonic(), [*out, *kept.values()]
                    elif message["type"] == "command":
                        answer, end = {"state": "refused", "code": "expired"}, {"relay": message.get("fallback")}
                        if message["id"] not in answers and message["expires_us"] / 1e6 > time.monotonic() + ahead:
                            lease.cancel()  # too late for that, it would change the state before this one
                            answer, state = {"state": "done", "value": message["value"]}, {"relay": message["value"]}
                            lease = threading.Timer(message.get("lease_us", 0) / 1e6, state.update, [end])  # monotonic
                            lease.start() if "lease_us" in message else None
                        out.append({"type": "result", "id": message["id"], **answers.setdefault(message["id"], answer)})
                    elif message["type"] == "ping":
                        out.append({"type": "pong"})
                    elif message["type"] in ("reject", "bye"):
                        print(message, flush=True)
                if ahead is not None and taken < options.count and time.monotonic() >= due:
                    taken, due = taken + 1, time.monotonic() + options.every
                    row = {"time_us": time.time_ns() // 1000, "values": {"power": 1000 + taken / 7, **state}}
                    out.append(kept.setdefault(taken, {"type": "data", "seq": taken, **row}))
            link.sendall(b'{"type":"bye"}\n')
    except OSError as e:  # noqa: PERF203
        print("no connection:", e, flush=True)
        time.sleep(random.uniform(0.5, 1.5))
