"""What stands behind an MQTT broker: a subscriber that writes to SQLite, 1,000 messages a synchronous transaction."""

from __future__ import annotations

import json
import sqlite3
import sys
import time

import paho.mqtt.client as mqtt

MESSAGES, PAUSE = 1000, 0.05


def main(port: int, database: str, total: int) -> None:
    """Store until ``total`` messages are there, and say so."""
    db = sqlite3.connect(database, isolation_level=None, check_same_thread=False)
    db.executescript("PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL")
    # A row a value: it holds whatever devices report.
    db.execute("CREATE TABLE readings (series INTEGER, time_us INTEGER, value REAL)")
    waiting: list[tuple[object, ...]] = []
    series: dict[tuple[str, str], int] = {}
    messages, stored, begun = 0, 0, 0.0

    def commit() -> None:
        nonlocal messages, stored
        db.execute("BEGIN")
        db.executemany("INSERT INTO readings VALUES (?, ?, ?)", waiting)
        db.execute("COMMIT")
        stored, messages = stored + messages, 0
        waiting.clear()
        print(stored, flush=True)

    def heard(_client: mqtt.Client, _data: object, message: mqtt.MQTTMessage) -> None:
        nonlocal messages, begun
        row = json.loads(message.payload)
        begun = begun if waiting else time.monotonic()
        for channel, value in row["values"].items():
            number = series.setdefault((message.topic, channel), len(series))
            waiting.append((number, row["time_us"], value))
        messages += 1
        if messages >= MESSAGES:
            commit()

    client = mqtt.Client(mqtt.CallbackAPIVersion.VERSION2)
    client.on_message = heard
    client.on_connect = lambda client, *_: client.subscribe("load/#", qos=1)
    client.on_subscribe = lambda *_: print("subscribed", flush=True)
    client.connect("127.0.0.1", port)
    while stored < total:
        client.loop(PAUSE)
        if waiting and time.monotonic() - begun > PAUSE:
            commit()


if __name__ == "__main__":
    main(int(sys.argv[1]), sys.argv[2], int(sys.argv[3]))
