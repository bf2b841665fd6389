// A live dashboard in a terminal: a simulated street over TLS, its latest powers, what they came to, one command.
//   node dashboard.mjs [--for SECONDS]
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
import { serve, simulate } from "memcore";

const { values } = parseArgs({ options: { for: { type: "string", default: "5" } } });
const site = await mkdtemp(join(tmpdir(), "memcore-dashboard-"));
const server = await serve(site, { listen: "127.0.0.1:0" });
const street = await simulate(server, { devices: 6, speed: 1 });
console.log(`devices connect to ${server.address}`);

// A battery is told to give 2 kW for a minute; should nobody refresh that, it goes back to 0 by itself.
server.command("home1.battery.power", -2000, { lease: "1m", fallback: 0 }).then((end) => console.log("battery:", end));

const latest = new Map();
const draw = setInterval(() => {
  const line = [...latest].map(([series, watts]) => `${series.split(".")[1]} ${watts.toFixed(0).padStart(6)} W`);
  console.log(line.join("  "));
}, 1000);

const live = server.subscribe("home1.*.power");
setTimeout(() => live.close(), Number(values.for) * 1000);
for await (const { series, value } of live) latest.set(series, value);
clearInterval(draw);

const history = await server.mem.query("home1.*.power", { agg: ["mean", "min", "max", "count"] });
console.table(history.rows().map(({ time, ...row }) => row));
await street.stop();
await server.close();
await rm(site, { recursive: true });
