"""A program of its own against the REST API: a token, what is measured, live values, and a command that is confirmed.

Only the first lines are memcore: they start a server with a simulated home. The rest is the standard library, and is
the same against a server elsewhere.
"""

import json
import urllib.error
import urllib.request
from urllib.parse import urlencode

import memcore as mc

with mc.serve("site", listen="127.0.0.1:0", http="127.0.0.1:0") as server, mc.simulate(server, devices=4):
    # A user for the program, and a token that may read and command, no more. On the command line:
    #   memcore users invite reporter --role operator; memcore tokens create reporter nightly --scope read,command
    server.accounts.invite("reporter", {"local": "operator"})
    token = server.accounts.create_token("reporter", "nightly", ["read", "command"], expires="1d")["secret"]
    api = f"{server.http_url}api/v1/operators/local"

    def ask(path: str, body: dict[str, object] | None = None, **query: str) -> urllib.request.Request:
        url = f"{api}/{path}?{urlencode(query)}"
        data = None if body is None else json.dumps(body).encode()
        headers = {"Authorization": f"Bearer {token}", "Content-Type": "application/json"}
        return urllib.request.Request(url, data, headers)

    # Live values, as server-sent events: lines of `event:`, `id:` and `data:`, and an empty one after each.
    with urllib.request.urlopen(ask("live", topics="readings", series="home1.*.power"), timeout=30) as live:
        seen: dict[str, float] = {}
        for line in live:
            name, _, text = line.decode().strip().partition(": ")
            if name == "event":
                event = text
            elif name == "data" and event == "readings":
                readings = json.loads(text)
                seen |= zip(readings["series"], readings["value"], strict=True)
                if len(seen) == 3:
                    break
    for series, watts in sorted(seen.items()):
        print(f"{series:20} {watts:8.0f} W")

    # A command. Should nobody renew it, the battery goes back to 0 W after a minute, by its own clock.
    wish = {"channel": "battery.power", "value": -2, "unit": "kW", "lease": "1m", "fallback": 0}
    with urllib.request.urlopen(ask("sites/home1/commands", wish)) as answer:
        command = json.load(answer)
    with urllib.request.urlopen(ask(f"sites/home1/commands/{command['id']}", wait="10s")) as answer:
        command = json.load(answer)
    print(f"battery: {command['state']}, it says {command['read_back']} {command['unit']}")

    # The last minute, as CSV; Arrow comes with "Accept: application/vnd.apache.arrow.stream".
    rows = ask("sites/home1/readings", series="*.power", **{"from": "-1m", "to": "now"})
    rows.add_header("Accept", "text/csv")
    with urllib.request.urlopen(rows) as answer:
        print(answer.readline().decode().strip(), "...")

    # What a token may not is refused, and the answer says why.
    try:
        urllib.request.urlopen(ask("sites/home1/devices", {"device": "another"}))
    except urllib.error.HTTPError as refused:
        problem = json.load(refused)
        print(f"{problem['status']} {problem['code']}: {problem['detail']}")
