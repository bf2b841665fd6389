// A home's day in Node: a plan off the main thread, what it does by the hour, and a chart for ECharts in a page of its own.
import { writeFile } from "node:fs/promises";
import { tableFromIPC } from "apache-arrow";
import { Site, solveMany } from "memcore";

const hours = Float64Array.from({ length: 24 }, (_, hour) => hour);
const site = new Site({
  name: "home",
  horizon: { start: "2026-06-10T00:00:00+02:00", step: "1h", steps: 24 },
  assets: [
    { type: "grid", name: "grid", buyPerKwh: hours.map((hour) => 0.27 + 0.07 * Math.sin(((hour - 8) / 12) * 2 * Math.PI)), sellPerKwh: 0.08 },
    { type: "pv", name: "pv", availableW: hours.map((hour) => 6000 * Math.max(0, Math.sin(((hour - 5) / 15) * Math.PI))) },
    { type: "load", name: "house", powerW: hours.map((hour) => (hour > 16 && hour < 22 ? 1500 : 400)) },
    { type: "battery", name: "battery", capacityWh: 10_000, chargeLimitW: 5000, dischargeLimitW: 5000, initialWh: 3000, wearPerKwh: 0.02 },
  ],
});

const plan = await site.solve();
console.log(plan.explain());
const [charge, discharge, energy] = ["chargeW", "dischargeW", "energyWh"].map((name) => plan.part("battery").column(name));
console.table(Array.from(charge, (_, step) => ({ charge: charge[step], discharge: discharge[step], energy: energy[step] })).filter((_, step) => step % 4 === 3));

// As Arrow, for DuckDB and others; and many at once, in parallel.
const table = tableFromIPC(await plan.toIPC());
console.log(`${table.numRows} rows of ${table.numCols} columns`);
const plans = await solveMany([site, site, site]);
if (plans.some(({ objective }) => objective !== plan.objective)) throw new Error("the same site has another plan");

const page = `<!doctype html><meta charset=utf-8><div id=plan style="height:700px"></div>
<script src="https://cdn.jsdelivr.net/npm/echarts@5/dist/echarts.min.js"></script>
<script>echarts.init(document.getElementById("plan")).setOption(${JSON.stringify(plan.chart().echarts())})</script>`;
await writeFile("plan.html", page);
