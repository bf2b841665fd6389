"""A home under control: a battery that follows the meter, an actor of one's own, and why it did what it did.

The battery and the meter are devices of this program here; elsewhere they are boards on the link.
"""

import threading
import time

import memcore as mc

home = (
    mc.SiteModel("home1", zone="Europe/Berlin", tick="200ms", lease="3s")
    .grid_meter("grid", power="power", period="200ms")
    .battery(
        "battery",
        capacity_wh=10_000,
        range_w=(-5000, 5000),
        power="power",
        soc="soc",
        setpoint="power",
        period="200ms",
    )
    .strategy("self_consumption")
)

with mc.serve("site", listen="127.0.0.1:0", control=home) as server:
    # The house uses 1.2 kW; what the battery takes or gives comes on top.
    battery_w = 0.0

    def obey(channel: str, value: float) -> float:
        global battery_w
        battery_w = value
        return value

    meter = mc.Device(server.enroll("home1.grid"), [mc.Channel("power", unit="W")])
    channels = [
        mc.Channel("power", unit="W", writable=True),
        mc.Channel("soc", unit="1", quantity="state_of_charge"),
    ]
    battery = mc.Device(server.enroll("home1.battery"), channels, obey)
    over = threading.Event()

    def measure() -> None:
        while not over.wait(0.1):
            meter.send_now([1200 + battery_w])
            battery.send_now([battery_w, 0.6])

    measuring = threading.Thread(target=measure)
    measuring.start()

    @server.actor("night", every="1s", budget="500ms")
    def night(view: mc.View) -> mc.Propose | None:
        soc = view.assets["battery"].soc
        if soc is not None and soc < 0.3:
            return mc.Propose("battery", 2000, reason="low at night")
        return None

    while battery_w > -1000:
        time.sleep(0.1)
    print(server.control.status())
    print(server.control.why("battery"))

    server.propose("battery", 1500, priority=80, reason="a storm is coming", valid_for="10m")
    while battery_w < 1400:
        time.sleep(0.1)
    print(server.control.why("battery"))

    over.set()
    measuring.join()
    meter.close()
    battery.close()
