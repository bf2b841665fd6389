"""An app as people wrote them for HEM boards: keeps the total power below a cap, turning the largest loads off.

python3 hem_app.py HOST PORT CAP: it knows nothing of memcore, reads into 256 bytes, polls each half second, prints what
it sees, and ends when the cap is kept.
"""

import json
import socket
import sys
import time

host, port, cap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
board = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
board.settimeout(15)


def ask(request):
    board.sendto(request.encode(), (host, port))
    reply = board.recvfrom(256)[0].decode()
    return json.loads(reply[: reply.rindex("}") + 1])


for _ in range(100):
    reply = ask("api/getdcpower/all")
    if reply["NODE"] != "ALL" or reply["TYPE"] != "DCPOWER" or len(reply["VALUE"]) != 8:
        sys.exit(f"no reply of a board: {reply!r}")
    powers = reply["VALUE"]
    print(json.dumps({"total": sum(powers)}), flush=True)
    if sum(powers) <= cap:
        break
    node = powers.index(max(powers))
    reply = ask(f"/api/turnoff/{node}")
    if reply["VALUE"][0] != 0:
        sys.exit(f"node {node} was not turned off: {reply!r}")
    print(json.dumps({"off": node}), flush=True)
    time.sleep(0.5)
else:
    sys.exit("the cap was not reached")
