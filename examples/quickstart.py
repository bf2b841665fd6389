"""Four devices over TLS on this machine: simulated, stored, read back, and a battery told to discharge."""

import asyncio

import memcore as mc


async def main() -> None:
    async with mc.serve("site", listen="127.0.0.1:0") as server:
        async with mc.simulate(server, devices=4, speed=None, duration="6h") as street:
            print(await street.finish_async())
        for series, hour, watts in server.mem.query("home1.*.power", every="1h"):
            print(f"{series:20} {hour:%H:%M} {watts:8.0f} W")
        async with mc.simulate(server, devices=4):
            live = server.subscribe("home1.battery.power")
            print(await server.command("home1.battery.power", -2000, lease="15m", fallback=0))
            async for reading in live:
                print(reading.series, reading.time, reading.value, "W")
                if reading.value == -2000:
                    break


asyncio.run(main())
