/** The field cases of the energy kernel, the same in every language: memcore/tests/cases/kernel.json. */
import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "node:test";
import { inspect } from "node:util";
import { energy, type Quality } from "memcore";

type Case = Record<string, unknown>;
type Entry = [string, number | null] | { from: string; to: string; step: string; value: number | null };

const MILLIS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };
const table = new URL("../../memcore/tests/cases/kernel.json", import.meta.url);
const { cases } = JSON.parse(readFileSync(table, "utf8")) as { cases: Case[] };

function* steps(entry: Entry): Generator<[Date, number | null]> {
  if (Array.isArray(entry)) {
    yield [new Date(entry[0]), entry[1]];
    return;
  }
  const step = parseInt(entry.step) * (MILLIS[entry.step.replace(/\d+/, "")] ?? NaN);
  for (let time = Date.parse(entry.from); time < Date.parse(entry.to); time += step) yield [new Date(time), entry.value];
}

function samples(of: Case): [Date[], (number | null)[]] {
  const all = (of["samples"] as Entry[]).flatMap((entry) => [...steps(entry)]);
  return [all.map(([time]) => time), all.map(([, value]) => value)];
}

/** The options of the case, by the names that Node has for them. */
function given(of: Case, ...names: string[]): never {
  const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
  const renamed: Record<string, string> = { from: "start", to: "end", fill: "gaps", aggregates: "agg" };
  return Object.fromEntries(names.filter((name) => name in of).map((name) => [renamed[name] ?? camel(name), of[name]])) as never;
}

const HOLDS = ["max_gap", "cadence", "rule"];
const text = (of: Case, name: string) => of[name] as string;
const numbers = (of: Case, name: string) => of[name] as (number | null)[];

const calls: Record<string, (of: Case) => unknown> = {
  convert: (of) => energy.convert(numbers(of, "values"), text(of, "from"), text(of, "to")),
  buckets: (of) => {
    const borders = energy.buckets(text(of, "from"), text(of, "to"), text(of, "every"), given(of, "tz"));
    return { slots: borders.length - 1, borders };
  },
  localize: (of) => energy.localize(of["local"] as string[], text(of, "tz"), given(of, "skipped")),
  integrate: (of) => {
    const { covered, held, gaps, ...rest } = energy.integrate(...samples(of), given(of, "from", "to", ...HOLDS));
    return { ...rest, covered: covered / 1000, held: held / 1000, gaps: gaps.map(({ start, end }) => [start, end]) };
  },
  increase: (of) => energy.increase(numbers(of, "readings"), given(of, "width")),
  increases: (of) => {
    const { amounts, events } = energy.increases(numbers(of, "readings"), given(of, "width"));
    return { amounts, events: events.map(({ row, kind }) => [row, kind]) };
  },
  mean_power: (of) => energy.meanPower(...samples(of), given(of, "max_gap", "cadence")),
  mean_power_of_register: (of) => energy.meanPowerOfRegister(...samples(of), given(of, "max_gap", "cadence", "width")),
  resample: (of) => {
    const asked: energy.ResampleOptions = given(of, "from", "to", "every", "tz", "aggregates", "fill", "width", ...HOLDS);
    const told = "qualities" in of ? { quality: of["qualities"] as Quality[] } : {};
    const { times, columns } = energy.resample(...samples(of), { ...asked, ...told });
    return { starts: times, ...columns };
  },
  at: (of) => energy.at(...samples(of), of["grid"] as string[], given(of, ...HOLDS)),
  balance: (of) => {
    const parts: Record<string, (number | null)[][]> = {};
    for (const [role, amounts] of of["parts"] as [string, (number | null)[]][]) (parts[role] ??= []).push(amounts);
    const found = energy.balance(parts);
    const all = "gather" in of ? found.gather(of["gather"] as number[]) : found;
    const camel = (name: string) => name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
    return new Proxy(all, { get: (columns, name) => Reflect.get(columns, camel(String(name))) as unknown });
  },
};

/** Whether all that is expected is found: of objects the keys that are named, numbers bit for bit, null is NaN. */
function agrees(expected: unknown, found: unknown): boolean {
  if (Array.isArray(expected)) {
    const all = Array.from(found as ArrayLike<unknown>);
    return all.length === expected.length && expected.every((value, at) => agrees(value, all[at]));
  }
  if (typeof expected === "object" && expected !== null) {
    return Object.entries(expected).every(([key, value]) => agrees(value, (found as Record<string, unknown>)[key]));
  }
  if (expected === null) return found === null || Number.isNaN(found);
  if (typeof found === "bigint") return found === BigInt(Date.parse(expected as string)) * 1000n;
  if (found instanceof Date) return found.getTime() === Date.parse(expected as string);
  return expected === found || (expected === 0 && found === 0);
}

for (const one of cases) {
  test(text(one, "name"), () => {
    const call = calls[text(one, "call")];
    assert.ok(call, text(one, "call"));
    const { expect } = one as { expect: unknown };
    const refused = typeof expect === "object" && expect !== null && "error" in expect ? String(expect.error) : undefined;
    if (refused !== undefined) {
      assert.throws(() => call(one), (thrown: Error) => thrown.message.includes(refused));
      return;
    }
    const found = call(one);
    assert.ok(agrees(expect, found), `expected ${JSON.stringify(expect)}, found ${inspect(found)}`);
  });
}
