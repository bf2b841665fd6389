"""An app as people wrote them for HEM boards: keeps the total power below a cap by turning nodes off, least important first.

python3 hem_app.py HOST PORT CAP: it knows nothing of memcore, reads into 256 bytes and polls each half second. It prints what
it sees, and ends when the cap is kept.
"""

import json
import socket
import sys
import time

host, port, cap = sys.argv[1], int(sys.argv[2]), float(sys.argv[3])
priorities = [0, 1, 2, 3, 4, 5, 6, 7]
board = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
board.settimeout(15)


def ask(request):
    board.sendto(request.encode(), (host, port))
    reply = board.recvfrom(256)[0].decode()
    return json.loads(reply[: reply.rindex("}") + 1])


for _ in range(100):
    reply = ask("api/getdcpower/all")
    if reply["NODE"] != "ALL" or reply["TYPE"] != "DCPOWER" or len(reply["VALUE"]) != 8:
        sys.exit("no reply of a board: %r" % reply)
    total = sum(reply["VALUE"])
    print(json.dumps({"total": total}), flush=True)
    if total <= cap:
        break
    node = max(priorities, key=lambda node: reply["VALUE"][node])
    reply = ask("/api/turnoff/%d" % node)
    if reply["VALUE"][0] != 0:
        sys.exit("node %d was not turned off: %r" % (node, reply))
    print(json.dumps({"off": node}), flush=True)
    time.sleep(0.5)
else:
    sys.exit("the cap was not reached")
