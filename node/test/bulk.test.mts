/** Much at once: loads, files, deletion; and what series are selected by. */
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";

import { tableFromIPC } from "apache-arrow";
import { ClosedError, InvalidError, memory, open, type Progress, restore } from "memcore";
import { folder } from "./support.mjs";

const times = (count: number) => BigInt64Array.from({ length: count }, (_, at) => BigInt(at) * 1_000_000n);

test("a load is seen at its end and tells how far it is", async () => {
  using mem = memory();
  const told: Progress[] = [];
  {
    await using bulk = mem.bulk({ onProgress: (progress) => told.push(progress) });
    for (const channel of ["power", "other"]) {
      assert.equal(await bulk.write(`home1.meter.${channel}`, times(1000), new Float64Array(1000).fill(1), { unit: "kW" }), 1000);
    }
    assert.equal((await mem.query("home1.meter.*")).length, 0);
    await bulk.commit();
    assert.equal((await mem.query("home1.meter.*")).length, 2000);
    await assert.rejects(bulk.write("home1.meter.power", times(2), [1]), /2 times and 1 values/);
    assert.equal(await bulk.write("home1.meter.power", "2026-01-01T00:00:00Z", 5), 1);
  }
  assert.deepEqual(
    told.map(({ points }) => points),
    [1000, 2000, 2001],
  );
  const bulk = mem.bulk();
  assert.equal((await bulk.close()).points, 0);
  await assert.rejects(bulk.write("home1.meter.power", times(1), [1]), ClosedError);
  assert.throws(() => mem.bulk({ progress: true } as object), InvalidError);
});

test("a load whose signal aborts keeps what it had", async () => {
  using mem = memory();
  const control = new AbortController();
  const bulk = mem.bulk({ signal: control.signal });
  await bulk.write("home1.meter.power", times(10), new Float64Array(10), { unit: "W" });
  control.abort();
  await assert.rejects(bulk.write("home1.meter.power", times(1), [1]), { name: "AbortError" });
  await bulk.close();
  assert.equal((await mem.query("home1.meter.power")).length, 10);
});

test("one reading is one row of registered channels", async () => {
  using mem = memory();
  mem.register("home1.meter.power", { unit: "kW", sign: "generator" });
  mem.register("home1.meter.voltage", { unit: "V" });
  await mem.writeReading("home1.meter", 1n, { power: 1.5, voltage: 230 });
  const latest = await mem.latest();
  assert.deepEqual(
    latest.map(({ series, value }) => [series, value]),
    [
      ["home1.meter.power", -1500],
      ["home1.meter.voltage", 230],
    ],
  );
  await assert.rejects(mem.writeReading("home1.meter", 1n, { current: 1 }), { code: "NOT_FOUND" });
});

test("files go out and come in and are the same", async () => {
  using mem = memory();
  const place = folder();
  mem.register("home1.pv.power", { unit: "kW", sign: "generator", labels: { roof: "east" } });
  const values = Float64Array.from({ length: 1000 }, (_, at) => Math.sin(at));
  await mem.write("home1.pv.power", times(1000), values);
  await mem.write("home1.meter.power", [1n, 2n], [Infinity, -0], { unit: "W" });
  for (const [name, wide] of [["out.csv", false], ["wide.csv", true], ["out.parquet", true], ["out.arrow", false]] as const) {
    const told: Progress[] = [];
    const report = await mem.export(join(place, name), { wide, onProgress: (progress) => told.push(progress) });
    assert.equal(report.points, 1002);
    using other = memory();
    assert.equal((await other.importFile(join(place, name))).points, 1002);
    assert.deepEqual((await other.query("home1.>")).rows(), (await mem.query("home1.>")).rows());
    const again = await mem.importFile(join(place, name));
    assert.deepEqual([again.points, again.repeated], [0, 1002]);
    if (!name.endsWith("csv")) assert.deepEqual(other.series(), mem.series());
    await new Promise((resolve) => setImmediate(resolve));
    assert.equal(told.at(-1)?.part, 1);
  }
  await assert.rejects(mem.export(join(place, "out.xlsx")), /ends in .csv .parquet .arrow/);
  const dry = await memory().importFile(join(place, "out.csv"), { dryRun: true });
  assert.deepEqual(dry.series[0], { series: "home1.meter.power", unit: "W", new: true, points: 2 });
  await assert.rejects(mem.export(join(place, "late.csv"), { signal: AbortSignal.abort() }), { name: "AbortError" });
  assert.equal(readdirSync(place).length, 4);
});

test("upkeep tells how far it is, and what ends early leaves nothing half made", async () => {
  const place = folder();
  const [back, other] = [join(place, "back"), join(place, "other")];
  using mem = open(join(place, "site"));
  await mem.write("home1.pv.power", times(1000), new Float64Array(1000), { unit: "W" });
  const told: Progress[] = [];
  const onProgress = (progress: Progress) => told.push(progress);
  const heard = async () => {
    await new Promise((resolve) => setImmediate(resolve));
    return told.splice(0).at(-1)?.part;
  };
  await mem.delete("home1.pv.power", { end: 10_000_000n });
  await mem.compact("*/>", { onProgress });
  assert.equal(await heard(), 1);
  assert.equal((await mem.backup(back, { onProgress })).points, 990);
  assert.equal(await heard(), 1);
  const signal = AbortSignal.abort();
  await assert.rejects(mem.compact("*/>", { signal }), { name: "AbortError" });
  await assert.rejects(mem.backup(back, { signal }), { name: "AbortError" });
  await assert.rejects(restore(back, other, { signal }), { name: "AbortError" });
  assert.equal((await restore(back, other, { onProgress })).points, 990);
  assert.equal(await heard(), 1);
});

test("labels select", async () => {
  using mem = memory();
  for (const phase of ["L1", "L2"]) {
    mem.register(`home1.meter.${phase}`, { unit: "W", labels: { phase, room: "kitchen, left" } });
    await mem.write(`home1.meter.${phase}`, 1n, 1);
  }
  assert.deepEqual(mem.series("home1.>{phase=L1}")[0]?.labels, { phase: "L1", room: "kitchen, left" });
  assert.deepEqual(
    (await mem.query('home1.>{phase!=L1,room=~"kit*"}')).series.map(({ name }) => name),
    ["home1.meter.L2"],
  );
  await assert.rejects(mem.query("home1.>{phase}"), /compares nothing/);
  assert.throws(() => {
    mem.register("home1.meter.L1", { unit: "W", labels: { device: "meter" } });
  }, /which every channel has/);
});

test("questions about time", async () => {
  using mem = memory();
  mem.register("home1.pv.power", { unit: "kW", cadence: "15m" });
  const quarter = 900_000_000n;
  await mem.write("home1.pv.power", [0n, quarter, 2n * quarter, 3n * quarter], [4, 4, 2, 2]);
  const hour = await mem.query("home1.pv.power", { start: 0n, end: 4n * quarter, every: "1h", agg: ["integral", "coverage", "p50"] });
  assert.deepEqual(hour.rows()[0], { series: "home1.pv.power", time: new Date(0), integral: 3000, coverage: 1, p50: 3000 });
  const filled = await mem.query("home1.pv.power", { start: 0n, end: 6n * quarter, every: "15m", gaps: "null" });
  assert.equal(filled.series[0]?.values.at(-1), NaN);
  assert.equal((await mem.at(quarter + 5n))[0]?.timeUs, quarter);
  await mem.write("home1.a.power", times(10_000), new Float64Array(10_000), { unit: "W" });
  assert.ok((await mem.query("home1.a.power", { chart: 100 })).length <= 400);
  assert.ok((await mem.query("home1.a.power", { chart: { width: 100, method: "minmaxlttb" } })).length <= 100);
  await assert.rejects(mem.query("home1.a.power", { every: "1h", gaps: "none" as "null" }), /absent null previous linear/);
});

test("what is deleted is gone and what is kept is counted", async () => {
  using mem = open(join(folder(), "site"), { keep: "36500d", retention: { "home1.pv": "36500d" }, maxBytes: 2 ** 30 });
  await mem.write("home1.pv.power", times(1000), new Float64Array(1000), { unit: "W" });
  assert.equal(await mem.delete("home1.pv.power", { start: 100_000_000n, end: 900_000_000n }), 1);
  assert.equal((await mem.query("home1.pv.power")).length, 200);
  assert.equal((await mem.compact()).erased, 800);
  assert.deepEqual(
    (await mem.seriesStats()).map(({ points, last }) => [points, last]),
    [[200, 999_000_000n]],
  );
  assert.equal((await mem.verify()).sound, true);
  assert.throws(() => open(join(folder(), "site"), { retention: { home1: "10d" } }), /devices is/);
});

test("a long answer comes in pieces, says its cost, and a backup is a site", async () => {
  using mem = open(join(folder(), "site"));
  for (const series of ["home1.a.power", "home1.b.power"]) {
    await mem.write(series, times(300_000), new Float64Array(300_000).fill(2), { unit: "W" });
  }
  const rows: number[] = [];
  for await (const batch of mem.stream("home1.*.power")) rows.push(tableFromIPC(batch).numRows);
  assert.ok(rows.length >= 4, String(rows));
  assert.equal(
    rows.reduce((all, some) => all + some, 0),
    600_000,
  );
  for await (const batch of mem.stream("home1.*.power", { every: "1h", agg: ["mean", "count"] })) {
    assert.ok(tableFromIPC(batch).getChild("mean"));
    break;
  }
  await assert.rejects(mem.stream("home1.c.power").next(), { code: "NOT_FOUND" });
  assert.match((await mem.query("home1.a.power", { last: 1 })).explain(), /pages decoded/);

  const [back, other] = [join(folder(), "back"), join(folder(), "other")];
  assert.equal((await mem.backup(back)).points, 600_000);
  await mem.write("home1.a.power", 0n, 3);
  assert.equal((await mem.backup(back)).damage.length, 0);
  assert.equal((await restore(back, other)).points > 0, true);
  using restored = open(other, { readOnly: true });
  assert.equal((await restored.at(0n, "home1.a.power"))[0]?.value, 3);
});
