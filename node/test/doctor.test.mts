/** The doctor over files and history, the energy balance, qualities and imports: as a user meets them. */
import assert from "node:assert/strict";
import { readdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { doctor, energy, InvalidError, type Memcore, memory, type Progress, QUALITIES } from "memcore";
import { folder } from "./support.mjs";

const QUARTER = 900_000;
const START = Date.parse("2024-06-01T00:00:00Z");
const times = Array.from({ length: 96 * 10 }, (_, at) => new Date(START + at * QUARTER));
const roof = times.map((time, at) => {
  if (at === 300) return 65535;
  if (at >= 700 && at < 760) return null;
  return Math.max(0, Math.sin(((time.getUTCHours() - 6) / 12) * Math.PI)) * (4000 + ((at * 37) % 101));
});

function file(): string {
  const path = join(folder(), "house.csv");
  const rows = times.map((time, at) => `${time.toISOString()},${String(roof[at] ?? "")}`);
  writeFileSync(path, ["time,pv_power [W]", ...rows, ""].join("\n"));
  return path;
}

test("a file is examined, shown and read right then", async () => {
  const [path, told] = [file(), [] as Progress[]];
  const report = await doctor(path, { tz: "Europe/Berlin", onProgress: (progress) => told.push(progress) });
  await new Promise((resolve) => setImmediate(resolve));
  assert.equal(told.at(-1)?.part, 1);
  assert.equal(report.rows, times.length);
  assert.equal(report.refused?.count, 0);
  assert.equal(report.understood?.format, "csv");
  const [sentinel] = report.faults;
  assert.ok(sentinel);
  assert.equal(sentinel.kind, "sentinel");
  assert.deepEqual(sentinel.rows, [{ first: 300, last: 300 }]);
  assert.equal(sentinel.start?.getTime(), times[300]?.getTime());
  assert.match(sentinel.message, /65535/);
  assert.match(sentinel.svg(), /^<svg/);
  assert.match(report.toHTML(), /^<!/);
  assert.equal([...report].length, report.length);
  const [seconds, ...lines] = sentinel.uplot();
  assert.equal(seconds[0], (sentinel.picture.times[0] ?? NaN) / 1000);
  assert.equal(lines[0]?.length, seconds.length);
  assert.ok((sentinel.picture.times[0] ?? 0) >= START);
  assert.ok(JSON.stringify(sentinel.echarts()).includes('"type":"line"'));
  assert.equal(report.series[0]?.cadence, QUARTER);
  assert.ok(report.declarations.some(({ field }) => field === "invalid"));

  using mem = memory();
  await mem.importFile(path, { device: "home1.site", mapping: report.toMapping() });
  assert.equal((await mem.query("home1.>", { agg: "max" })).series[0]?.values[0], 0);
  await assert.rejects(doctor(path, { signal: AbortSignal.abort() }), { name: "AbortError" });
  await assert.rejects(doctor(path, { only: "gaps" as "gap" }), /kind of finding is "gaps", expected one of sampling gap/);
  await assert.rejects(doctor(path, { strict: true } as object), InvalidError);
  await assert.rejects(doctor(join(folder(), "none.csv")), { code: "IO" });
});

test("history is examined", async () => {
  using mem = memory();
  await mem.write("home1.pv.power", times, roof.map((value) => value && -value), { unit: "W" });
  const kinds = [...(await mem.doctor("home1.>", { tz: "Europe/Berlin" }))].map(({ kind }) => kind);
  assert.ok(kinds.includes("sentinel") && kinds.includes("gap"), String(kinds));
  assert.equal((await mem.doctor("home1.>", { only: ["gap", "sentinel"], end: new Date(START + 200 * QUARTER) })).length, 0);
  await assert.rejects(mem.doctor("home2.pv.power"), { code: "NOT_FOUND" });
});

test("an examination of history says how far it is, and a signal ends the work itself", async () => {
  using mem = memory();
  const many = BigInt64Array.from({ length: 300_000 }, (_, row) => BigInt(row) * 1_000_000n);
  const values = Float64Array.from(many, (_, row) => Math.sin(row / 500) + ((row * 7919) % 101) / 101);
  for (const device of ["pv", "grid", "battery", "load"]) await mem.write(`home1.${device}.power`, many, values, { unit: "W" });
  const parts: number[] = [];
  const report = await mem.doctor("home1.>", { onProgress: ({ part }) => parts.push(part ?? NaN) });
  assert.equal(report.series.length, 4);
  assert.ok(parts.length > 1 && parts.every((part, at) => part >= (parts[at - 1] ?? 0)), String(parts));
  const controller = new AbortController();
  const heard: number[] = [];
  const onProgress = ({ part }: { part?: number }) => {
    heard.push(part ?? NaN);
    controller.abort();
  };
  await assert.rejects(mem.doctor("home1.>", { signal: controller.signal, onProgress }), { name: "AbortError" });
  // Nothing is heard of it any more once its steps have ended.
  await new Promise((resolve) => setTimeout(resolve, 300));
  assert.ok(Math.max(...heard) < 1, String(heard));
  await assert.rejects(mem.doctor("home1.>", { signal: AbortSignal.abort() }), { name: "AbortError" });
});

const site = async (mem: Memcore) => {
  for (const [device, power] of [["grid", -1131], ["pv", -1466], ["battery", 100]] as const) {
    mem.register(`home1.${device}.power`, { unit: "W", cadence: "15m" });
    await mem.write(`home1.${device}.power`, times.slice(0, 96), new Float64Array(96).fill(power));
  }
};

test("the balance of a site", async () => {
  using mem = memory();
  await site(mem);
  const day = await mem.balance("home1", { start: new Date(START), end: new Date(START + 96 * QUARTER), every: "12h" });
  assert.deepEqual([...day.export], [1131 * 12, 1131 * 12]);
  assert.ok(Math.abs((day.consumption[0] ?? 0) - 235 * 12) < 1e-6);
  assert.deepEqual([...day.coverage], [1, 1]);
  assert.equal(day.times?.[1], BigInt(START) * 1000n + 43_200_000_000n);
  assert.equal(day.end, BigInt(START + 96 * QUARTER) * 1000n);
  assert.ok(day.series.some(({ series, role }) => series === "home1.battery.power" && role === "storage"));
  assert.deepEqual([...day.gather([2]).production], [1466 * 24]);
  assert.equal((await mem.balance({ grid: "home1.grid.power", production: ["home1.pv.power"] })).export.length, 1);
  await assert.rejects(mem.balance({ load: "home1.house.power" }), /no series is home1\.house\.power/);
});

test("qualities, invalid numbers and prices", async () => {
  using mem = memory();
  mem.register("home1.meter.power", { unit: "W", cadence: "15m", invalid: [65535] });
  await mem.write("home1.meter.power", times.slice(0, 4), [1, 2, 3, 65535], { quality: ["measured", "estimated", null, "measured"] });
  const raw = await mem.query("home1.meter.power", { quality: true });
  assert.deepEqual(Array.from(raw.series[0]?.column("quality") ?? [], (number) => QUALITIES[number]), ["measured", "estimated", "measured"]);
  await mem.write("home1.meter.power", times.slice(0, 1), [1], { quality: "held" });
  assert.deepEqual((await mem.query("home1.meter.power", { agg: "quality" })).series[0]?.values[0], 4);
  const shares = energy.resample(times.slice(0, 2), [1, 2], { every: "1h", cadence: "15m", agg: "estimated", quality: [null, "estimated"] });
  assert.deepEqual([...shares.columns.estimated], [0.25]);
  await assert.rejects(mem.write("home1.meter.power", times.slice(0, 1), [1], { quality: "guessed" as "held" }), /quality is "guessed"/);
  mem.register("home1.tariff.price", { unit: "EUR/MWh" });
  await mem.write("home1.tariff.price", 1n, 85);
  assert.equal((await mem.latest("home1.tariff.price"))[0]?.value, 0.085);
  mem.register("home1.meter.energy", { unit: "Wh", kind: "counter", register: "uint16" });
  assert.equal(mem.series("home1.meter.energy")[0]?.register, "uint16");
});

test("what cannot be read of a file goes aside", async () => {
  using mem = memory();
  const place = folder();
  const path = join(place, "export.csv");
  writeFileSync(path, "Zeit;Leistung [kW]\n01.06.2024 00:00;1,5\n01.06.2024 00:15;kaputt\n13.06.2024 00:30;2\n");
  const mapping = { columns: { "Leistung [kW]": { series: "home1.pv.power", sign: "generator" } } };
  const dry = await mem.importFile(path, { mapping, tz: "Europe/Berlin", dryRun: true });
  assert.deepEqual(dry.understood.text, { delimiter: ";", decimal: ",", skip: 0, header: true });
  assert.equal(dry.understood.first[0]?.time.toISOString(), "2024-05-31T22:00:00.000Z");
  const report = await mem.importFile(path, { mapping, tz: "Europe/Berlin" });
  assert.equal(report.refused.count, 1);
  assert.equal(report.refused.first[0]?.line, 3);
  assert.equal(report.first?.toISOString(), "2024-05-31T22:00:00.000Z");
  assert.equal((await mem.query("home1.pv.power")).series[0]?.values[0], -1500);
  assert.deepEqual(readdirSync(place).sort(), ["export.csv", "export.csv.refused.csv"]);
  await assert.rejects(mem.importFile(path, { mapping, strict: true }), /line 3/);
  await assert.rejects(mem.importFile(path, { mapping: { colums: {} } }), /unknown field .colums./);
});

test("columns that are none are refused by name", () => {
  assert.throws(() => energy.integrate(times, [1]), /neither max_gap nor cadence is given/);
  assert.throws(() => energy.integrate(times, [1], { cadence: "1s" }), /960 times for 1 values/);
  assert.throws(() => energy.increase(["x"] as unknown as number[]), /increase: readings\[0\] is "x", expected a number/);
  assert.throws(() => energy.convert([1], "kilowatt", "W"), /from: unit is "kilowatt"/);
  assert.throws(() => energy.localize(["2024-03-31T02:30Z"], "Europe/Berlin"), /local\[0\] is .*, expected a local time without a zone/);
  assert.throws(() => energy.resample(times, roof, { every: "1h", aggregate: "mean" } as object), /option "aggregate" is not known/);
  assert.equal(energy.convert(2.5, "kW", "W"), 2500);
});
