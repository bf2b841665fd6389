/** The field cases of energy over time, the same in every language: memcore/tests/cases/energy.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { type Aggregate, type ChannelOptions, memory, type Quality, type QueryOptions } from "memcore";

type Sample = [string, number | null, (Quality | null)?] | { from: string; to: string; step: string; value: number | null };
interface Case {
  name: string;
  channel: ChannelOptions & { max_age?: string };
  samples: Sample[];
  corrected?: Sample[];
  query: QueryOptions & { from?: string; to?: string; aggregates: Aggregate[]; max_gap?: string };
  rows?: [string, ...(number | null)[]][];
  row_count?: number;
}

const SERIES = "home1.meter.case";
const MILLIS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const table = new URL("../../memcore/tests/cases/energy.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(table, "utf8")) as { cases: Case[] };

function* samples(entry: Sample): Generator<[Date, number | null, Quality | null]> {
  if (Array.isArray(entry)) {
    yield [new Date(entry[0]), entry[1], entry[2] ?? null];
    return;
  }
  const step = parseInt(entry.step) * (MILLIS[entry.step.replace(/\d+/, "")] ?? NaN);
  const until = Date.parse(entry.to);
  for (let time = Date.parse(entry.from); time < until; time += step) yield [new Date(time), entry.value, null];
}

for (const { name, channel, samples: entries, corrected = [], query, rows, row_count } of cases) {
  test(name, async () => {
    using mem = memory();
    const { max_age: maxAge, ...described } = channel;
    mem.register(SERIES, maxAge === undefined ? described : { ...described, maxAge });
    for (const written of [entries, corrected]) {
      const all = written.flatMap((entry) => [...samples(entry)]);
      const quality = all.map(([, , told]) => told);
      await mem.write(SERIES, all.map(([time]) => time), all.map(([, value]) => value), quality.some((told) => told !== null) ? { quality } : {});
    }
    const { from, to, aggregates, max_gap, ...rest } = query;
    const range = { ...(from !== undefined && { start: from }), ...(to !== undefined && { end: to }) };
    const columns: string[] = aggregates.length > 0 ? aggregates : ["value", "quality"];
    const asked: QueryOptions = { ...rest, ...range, ...(aggregates.length > 0 && { agg: aggregates }), ...(max_gap !== undefined && { maxGap: max_gap }) };
    const answer = (await mem.query(SERIES, asked)).series[0];
    assert.ok(answer);
    assert.equal(answer.length, row_count ?? rows?.length ?? answer.length);
    for (const [at, [time, ...values]] of (rows ?? []).entries()) {
      assert.equal(answer.times[at], BigInt(Date.parse(time)) * 1000n);
      for (const [column, expected] of values.entries()) {
        const value = answer.column((columns[column] ?? "mean") as Aggregate)[at] ?? NaN;
        const near = expected === null ? Number.isNaN(value) : Math.abs(value - expected) <= 1e-9 * Math.max(1, Math.abs(expected));
        assert.ok(near, `${time} ${String(columns[column])}: ${String(value)}, expected ${String(expected)}`);
      }
    }
  });
}
