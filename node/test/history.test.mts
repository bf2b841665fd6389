// A site's history from Node: what is written comes back exactly, what makes no sense is refused by name.
import assert from "node:assert/strict";
import { readdirSync } from "node:fs";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import * as mc from "memcore";
import { folder, us } from "./support.mjs";

const PV = "home1.pv.power";

/** A check for `assert.throws` and `assert.rejects`: the class's code, and every word in the message. */
const refused =
  (code: mc.ErrorCode, ...words: string[]) =>
  (error: unknown): true => {
    assert.ok(error instanceof mc.MemcoreError, String(error));
    assert.equal(error.code, code, error.message);
    for (const word of words) assert.ok(error.message.includes(word), `${error.message} should name ${word}`);
    return true;
  };

test("typed arrays come back bit for bit, with exact microseconds from before 1970 to beyond 2262", async () => {
  using mem = mc.memory();
  mem.register(PV, { unit: "W" });
  const times = BigInt64Array.of(us("1900-01-01T00:00:00Z") + 1n, -1n, 0n, us("2024-06-21T12:00:00Z") + 123n, us("2400-01-01T00:00:00Z"));
  const values = Float64Array.of(0.1, -0, Number.MIN_VALUE, -1466.25, Number.MAX_VALUE);
  assert.equal(await mem.write(PV, times, values), 5);
  const [series] = (await mem.query(PV)).series;
  assert.ok(series);
  assert.deepEqual(series.times, times);
  assert.deepEqual(new Uint8Array(series.values.buffer), new Uint8Array(values.buffer));
  assert.deepEqual([series.name, series.unit, series.quantity, series.length], [PV, "W", "power", 5]);
});

test("every way to say an instant is the same instant, and one reading needs no array", async () => {
  using mem = mc.memory();
  const at = "2024-06-21T14:00:00+02:00";
  const instants: mc.TimeLike[] = [new Date(at), us(at), at, { epochNanoseconds: us(at) * 1000n + 999n }];
  for (const [count, time] of instants.entries()) {
    assert.equal(await mem.write(PV, time, count, { unit: "kW" }), 1);
    assert.deepEqual((await mem.query(PV, { start: time })).rows(), [{ series: PV, time: new Date(at), value: count * 1000 }]);
  }
  assert.equal(await mem.write(PV, { epochNanoseconds: -1n }, 1), 1);
  assert.equal((await mem.query(PV, { end: 0n })).series[0]?.times[0], -1n);
});

test("a time that no Date can hold is an Invalid Date beside an exact bigint", async () => {
  using mem = mc.memory();
  await mem.write(PV, [2n ** 63n - 1n, -(2n ** 63n)], [1, 2], { unit: "W" });
  const rows = (await mem.query(PV)).rows();
  assert.deepEqual(rows.map((row) => row.timeUs), [-(2n ** 63n), 2n ** 63n - 1n]);
  assert.ok(rows.every((row) => Number.isNaN(row.time.getTime())));
});

test("null is a gap, NaN is one too unless it is kept", async () => {
  using mem = mc.memory();
  mem.register(PV, { unit: "W" });
  const times = [0n, 1n, 2n, 3n];
  assert.equal(await mem.write(PV, times, [1, null, NaN, 4]), 2);
  assert.deepEqual((await mem.query(PV)).series[0]?.times, BigInt64Array.of(0n, 3n));
  assert.equal(await mem.write(PV, times, [1, null, NaN, 4], { nan: "keep" }), 3);
  assert.deepEqual((await mem.query(PV)).series[0]?.values, Float64Array.of(1, NaN, 4));
  assert.equal(await mem.write(PV, BigInt64Array.of(9n), Float64Array.of(NaN)), 0);
});

test("a reading prints and becomes JSON without its bigint", async () => {
  using mem = mc.memory();
  await mem.write(PV, 1_500n, 7, { unit: "W" });
  const [latest] = await mem.latest("home1.>");
  assert.equal(latest?.timeUs, 1_500n);
  assert.equal(JSON.stringify(latest), `{"series":"${PV}","time":"1970-01-01T00:00:00.001Z","value":7}`);
});

test("through apache-arrow, times are exact, a gap of the wide layout is null and NaN is NaN", async () => {
  using mem = mc.memory();
  await mem.write("home1.a.power", [1n, 2n], [NaN, 2], { unit: "W", nan: "keep" });
  await mem.write("home1.b.power", [2n, 3n], [20, 30], { unit: "W" });
  const result = await mem.query("home1.*.power");
  const long = tableFromIPC(await result.toIPC());
  assert.equal(long.numRows, 4);
  assert.deepEqual(long.schema.fields.map((field) => [field.name, String(field.type)]), [
    ["series", "Dictionary<Int32, Utf8>"],
    ["time", "Timestamp<MICROSECOND, UTC>"],
    ["value", "Float64"],
  ]);
  assert.deepEqual([...(long.getChild("series") ?? [])], ["home1.a.power", "home1.a.power", "home1.b.power", "home1.b.power"]);
  assert.deepEqual(long.getChild("time")?.data[0]?.values, BigInt64Array.of(1n, 2n, 2n, 3n));
  const wide = tableFromIPC(await result.toIPC({ layout: "wide" }));
  assert.deepEqual([0, 1, 2].map((row) => wide.getChild("home1.a.power")?.get(row) as unknown), [NaN, 2, null]);
  assert.deepEqual(result.wide(), {
    times: BigInt64Array.of(1n, 2n, 3n),
    columns: { "home1.a.power": Float64Array.of(NaN, 2, NaN), "home1.b.power": Float64Array.of(NaN, 20, 30) },
  });
});

test("days of Berlin have 23, 24 and 25 hours where the clocks change", async () => {
  using mem = mc.memory();
  mem.register(PV, { unit: "W" });
  const hours = (from: string, count: number): bigint[] => Array.from({ length: count }, (_, hour) => us(from) + BigInt(hour) * 3_600_000_000n);
  for (const [from, days] of [["2024-03-29T23:00:00Z", [24, 23, 24]], ["2024-10-25T22:00:00Z", [24, 25, 24]]] as const) {
    const times = hours(from, days[0] + days[1] + days[2]);
    await mem.write(PV, times, times.map(() => 1));
    const end = us(from) + BigInt(times.length) * 3_600_000_000n;
    const result = await mem.query(PV, { start: us(from), end, every: "1d", agg: ["sum", "count"], tz: "Europe/Berlin" });
    assert.deepEqual([...(result.series[0]?.column("count") ?? [])], days);
    assert.deepEqual([...(result.series[0]?.column("sum") ?? [])], days);
  }
  const months = await mem.query(PV, { every: "1mo", tz: "Europe/Berlin", agg: "count" });
  assert.deepEqual(months.rows().map((row) => [row.time.toISOString(), row.count]), [
    ["2024-02-29T23:00:00.000Z", 47],
    ["2024-03-31T22:00:00.000Z", 24],
    ["2024-09-30T22:00:00.000Z", 73],
  ]);
});

test("limit gives the first rows, last the last, and a number of milliseconds is a length", async () => {
  using mem = mc.memory();
  await mem.write(PV, [0n, 1_000_000n, 2_000_000n, 3_000_000n], [1, 2, 3, 4], { unit: "W" });
  const values = async (options: mc.QueryOptions): Promise<number[]> => [...((await mem.query(PV, options)).series[0]?.values ?? [])];
  assert.deepEqual(await values({ limit: 2 }), [1, 2]);
  assert.deepEqual(await values({ last: 1 }), [4]);
  assert.deepEqual(await values({ every: 2000 }), [1.5, 3.5]);
  assert.deepEqual(await values({ agg: "max" }), [4]);
});

test("what a series means is said once, and read back", () => {
  using mem = mc.memory();
  const battery = { unit: "kW", sign: "generator", cadence: "1m", maxAge: 90_000, range: [-5, 5], writable: true } as const;
  const rules = { fallback: 0, hold: "20m", minOn: 300_000, rampPerSecond: 0.5 };
  mem.register("home1.battery.power", { ...battery, rules });
  mem.register("home1.battery.power", { ...battery, rules });
  mem.register("home1.battery.soc", { unit: "%", quantity: "state_of_charge" });
  const [power, soc] = mem.series("home1.battery.>");
  assert.deepEqual(power, {
    name: "home1.battery.power",
    quantity: "power",
    baseUnit: "W",
    kind: "gauge",
    label: "start",
    labels: {},
    invalid: [],
    ...battery,
    cadence: 60_000,
    rules: { fallback: 0, hold: 1_200_000, minOn: 300_000, rampPerSecond: 0.5 },
  });
  assert.equal(soc?.baseUnit, "1");
  assert.throws(() => { mem.register("home1.battery.soc", { unit: "W" }); }, refused("CONFLICT", "soc", "state_of_charge"));
});

test("what makes no sense is refused, and says which field it was", async () => {
  using mem = mc.memory();
  mem.register(PV, { unit: "W" });
  const register = (options: object) => () => { mem.register("home1.x.power", options as mc.ChannelOptions); };
  assert.throws(register({ unit: "W", colour: 1 }), refused("INVALID", "home1.x.power", '"colour"', "cadence"));
  assert.throws(register({}), refused("INVALID", "unit is undefined"));
  assert.throws(register({ unit: "kw" }), refused("INVALID", "kw", "kW"));
  assert.throws(register({ unit: "W", kind: "guage" }), refused("INVALID", "kind", "guage", "gauge counter"));
  assert.throws(register({ unit: "W", range: [5, -5] }), refused("INVALID", "range"));
  assert.throws(register({ unit: "W", cadence: "often" }), refused("INVALID", "cadence", "often"));
  assert.throws(register({ unit: "W", cadence: -1 }), refused("INVALID", "cadence is -1"));
  assert.throws(register({ unit: "W", rules: { fallback: NaN } }), refused("INVALID", "rules.fallback is NaN"));
  assert.throws(register({ unit: "W", rules: { minon: 1 } }), refused("INVALID", '"minon"', "minOn"));
  assert.throws(register({ unit: "W", rules: { hold: "long" } }), refused("INVALID", "hold", "long"));
  assert.throws(() => { mem.register("pv", { unit: "W" }); }, refused("INVALID", "pv"));

  const write = (...args: unknown[]): Promise<number> => (mem.write as (...args: unknown[]) => Promise<number>).apply(mem, args);
  await assert.rejects(write(PV, [0n, 1n], [1]), refused("INVALID", PV, "2 times", "1 values"));
  await assert.rejects(write(PV, [0n, "yesterday"], [1, 2]), refused("INVALID", "yesterday"));
  await assert.rejects(write(PV, [0n, 5], [1, 2]), refused("INVALID", "times[1] is 5", "bigint microseconds"));
  await assert.rejects(write(PV, [0n], ["1"]), refused("INVALID", 'values[0] is "1"'));
  await assert.rejects(write(PV, new Date(NaN), 1), refused("INVALID", "Invalid Date"));
  await assert.rejects(write(PV, 2n ** 63n, 1), refused("INVALID", "9223372036854775808n"));
  await assert.rejects(write(PV, 0n, 1, { unit: "kWh" }), refused("INVALID", "kWh", "power"));
  await assert.rejects(write(PV, 0n, 1, { units: "W" }), refused("INVALID", '"units"', "unit, nan"));
  await assert.rejects(write(PV, 0n, 1, { nan: "drop" }), refused("INVALID", 'nan is "drop"', "skip or keep"));
  await assert.rejects(write("home1.pv.powr", 0n, 1), refused("NOT_FOUND", "home1.pv.powr"));
  assert.equal(mem.stats().points, 0);

  const query = (options: object): Promise<unknown> => mem.query(PV, options as mc.QueryOptions);
  await assert.rejects(query({ evry: "1d" }), refused("INVALID", '"evry"', "every"));
  await assert.rejects(query({ start: 2n, end: 1n }), refused("INVALID", "from", "to"));
  await assert.rejects(query({ agg: "midian" }), refused("INVALID", "midian", "mean"));
  await assert.rejects(query({ every: "2mo" }), refused("INVALID", "2mo"));
  await assert.rejects(query({ every: "1d", tz: "Europe/Atlantis" }), refused("INVALID", "Europe/Atlantis"));
  await assert.rejects(query({ tz: "Europe/Berlin" }), refused("INVALID", "tz", "every"));
  await assert.rejects(query({ limit: -1 }), refused("INVALID", "limit is -1"));
  await assert.rejects(query({ limit: 1, last: 1 }), refused("INVALID", "limit", "last"));
  await assert.rejects(mem.query("home1"), refused("INVALID", "home1"));
  assert.throws(() => mc.open("x", { readonly: true } as object), refused("INVALID", '"readonly"', "readOnly"));
});

test("a site on disk is there again, is locked for a second writer, and is read beside its writer", async () => {
  const path = folder();
  const mem = mc.open(path);
  await mem.write(PV, 0n, 1, { unit: "W" });
  assert.throws(() => mc.open(path), refused("LOCKED"));
  using reader = mc.open(path, { readOnly: true });
  await mem.write(PV, 1n, 2);
  await reader.refresh();
  assert.equal((await reader.query(PV)).length, 2);
  await assert.rejects(reader.write(PV, 2n, 3), refused("READ_ONLY"));
  mem.close();
  mem.close();
  await assert.rejects(mem.write(PV, 2n, 3), refused("CLOSED"));
  await assert.rejects(mem.query(PV), refused("CLOSED"));
  using again = mc.open(path);
  assert.equal((await again.query(PV)).length, 2);
  assert.equal(again.path, path);
  assert.ok(readdirSync(path).includes("store"));
  assert.throws(() => mc.open(`${path}/nowhere`, { readOnly: true }), refused("NOT_FOUND", "nowhere"));
});

test("what was given may be changed while it is written", async () => {
  using mem = mc.memory();
  const [times, values] = [new BigInt64Array(100_000).map((_, at) => BigInt(at)), new Float64Array(100_000).fill(1)];
  const written = mem.write(PV, times, values, { unit: "W" });
  times.fill(0n);
  values.fill(2);
  assert.equal(await written, 100_000);
  assert.equal((await mem.query(PV, { agg: "max" })).series[0]?.values[0], 1);
  assert.equal((await mem.query(PV)).length, 100_000);
});

test("waiting can be given up by a signal, whose own listener stays", async () => {
  using mem = mc.memory();
  await mem.write(PV, 0n, 1, { unit: "W" });
  await assert.rejects(mem.query(PV, { signal: AbortSignal.abort() }), { name: "AbortError" });
  const controller = new AbortController();
  let heard = 0;
  controller.signal.onabort = () => (heard += 1);
  const asked = mem.query(PV, { signal: controller.signal });
  controller.abort(new Error("enough"));
  await assert.rejects(asked, /enough/);
  assert.equal(heard, 1);
});
