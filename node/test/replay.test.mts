// Real telemetry through the whole loop: a file is replayed by a device over TLS, and every point is read back bit for bit.
import assert from "node:assert/strict";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { gunzipSync, gzipSync } from "node:zlib";
import * as mc from "memcore";
import { folder, root } from "./support.mjs";

const NAME = "uci_household_1min_2007Q2.csv.gz";

/** Where recorded telemetry may lie: what the environment says, or beside the repository. */
function recorded(): string | undefined {
  const said = process.env["MEMCORE_TEST_DATA"];
  const places = said === undefined ? [join(root, "..", "..", "shared", "data")] : [said];
  return places.flatMap((place) => [join(place, NAME), join(place, "telemetry", NAME)]).find((file) => existsSync(file));
}

/** A household as the recorded one: a minute a row, a gap of an hour, single missing cells, local times. */
function standIn(): string {
  const lines = ["ts_local_naive,p_kw,q_kvar,u_v,i_a,sub1_wh,sub2_wh,sub3_wh"];
  for (let minute = 0; minute < 20_000; minute++) {
    if (minute >= 5_000 && minute < 5_060) continue;
    const time = new Date(Date.UTC(2007, 3, 1) + minute * 60_000).toISOString();
    const wave = Math.round(1000 * (2 + Math.sin(minute / 700) + ((minute * 7919) % 100) / 300)) / 1000;
    const cells = [wave, Math.round(wave * 70) / 1000, 230 + (minute % 97) / 10, Math.round(wave * 43) / 10, minute % 3, 1, minute % 19];
    const written = cells.map((cell, at) => ((minute + at) % 211 === 0 ? "" : cell.toString()));
    lines.push(`${time.slice(0, 10)} ${time.slice(11, 16)},${written.join(",")}`);
  }
  return `${lines.join("\n")}\n`;
}

/** The channels that the columns become, and the power of ten to the base unit: 1.001 kW is 1001 W, as decimals have it. */
const CHANNELS = [
  ["power", 3],
  ["reactive_power", 3],
  ["voltage", 0],
  ["current", 0],
  ["sub1", 0],
  ["sub2", 0],
  ["sub3", 0],
] as const;

/** What the text itself says, read without memcore: times and values a channel, without the gaps. */
function expected(text: string): { times: bigint[]; values: number[] }[] {
  const columns = CHANNELS.map(() => ({ times: [] as bigint[], values: [] as number[] }));
  for (const line of text.trimEnd().split("\n").slice(1)) {
    const [time = "", ...cells] = line.split(",");
    const micros = BigInt(Date.parse(`${time.replace(" ", "T")}:00Z`)) * 1000n;
    CHANNELS.forEach(([, power], at) => {
      const cell = cells[at] ?? "";
      if (cell === "") return;
      columns[at]?.times.push(micros);
      columns[at]?.values.push(Number(`${cell}e${String(power)}`));
    });
  }
  return columns;
}

async function replayed(file: string): Promise<void> {
  const text = gunzipSync(readFileSync(file)).toString();
  const columns = expected(text);
  const points = columns.reduce((sum, column) => sum + column.times.length, 0);
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  for (const round of ["first", "again"]) {
    const simulation = await mc.simulate(server, { replay: file, device: "home1.meter" });
    const report = await simulation.finish();
    assert.deepEqual([report.pointsSent, report.rejected, report.rowsNotDurable], [points, 0, 0], round);
    const result = await server.mem.query("home1.meter.*");
    assert.equal(result.length, points, `${round}: no point is missing, none doubled`);
    CHANNELS.forEach(([name], at) => {
      const series = result.get(`home1.meter.${name}`);
      const column = columns[at];
      assert.ok(series && column);
      assert.deepEqual(series.times, BigInt64Array.from(column.times), name);
      assert.ok(Buffer.from(series.values.buffer).equals(Buffer.from(Float64Array.from(column.values).buffer)), `${name} bit for bit`);
    });
    await assertSummaries(server.mem, columns);
  }
}

/** The store's own aggregates against those of the text. */
async function assertSummaries(mem: mc.Memcore, columns: ReturnType<typeof expected>): Promise<void> {
  const result = await mem.query("home1.meter.*", { agg: ["count", "sum", "first", "last", "min", "max"] });
  CHANNELS.forEach(([name], at) => {
    const series = result.get(`home1.meter.${name}`);
    const values = columns[at]?.values ?? [];
    assert.ok(series);
    const [count, first, last, min, max] = (["count", "first", "last", "min", "max"] as const).map((column) => series.column(column)[0]);
    let [low, high] = [Infinity, -Infinity];
    for (const value of values) [low, high] = [Math.min(low, value), Math.max(high, value)];
    assert.deepEqual([count, first, last, min, max], [values.length, values[0], values.at(-1), low, high], name);
    const sum = values.reduce((total, value) => total + value, 0);
    assert.ok(Math.abs((series.column("sum")[0] ?? NaN) - sum) <= 1e-9 * Math.abs(sum), `${name}: sum`);
  });
}

test("a generated household is replayed, twice, and nothing is lost, changed or doubled", async () => {
  const file = join(folder(), "household.csv.gz");
  writeFileSync(file, gzipSync(standIn()));
  await replayed(file);
});

test("a recorded household is replayed, twice, and nothing is lost, changed or doubled", async (context) => {
  const file = recorded();
  if (file === undefined) {
    context.skip(`${NAME} is not here: set MEMCORE_TEST_DATA to the folder that holds it`);
    return;
  }
  await replayed(file);
});
