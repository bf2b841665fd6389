/** Networks as a user of the package has them. */
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { InvalidError, IoError, Network, type NetworkOptions } from "memcore";
import { snake } from "../src/assets.cjs";
import { PARTS } from "../src/network.cjs";
import { folder } from "./support.mjs";

const line = { rPu: 0, xPu: 0.1 };

/** Three buses in a ring of equal lines: a cheap generator at 1, a dear one at 2, 90 kW at 3, 50 kVA from 1 to 3. */
function ring(changes: Partial<NetworkOptions> = {}): NetworkOptions {
  return {
    baseVa: 100_000,
    buses: [{ name: "1", nominalV: 400, reference: true }, { name: "2", nominalV: 400 }, { name: "3", nominalV: 400 }],
    branches: [
      { name: "1-2", from: "1", to: "2", ...line },
      { name: "1-3", from: "1", to: "3", ...line, ratingVa: 50_000 },
      { name: "2-3", from: "2", to: "3", ...line },
    ],
    loads: [{ name: "town", bus: "3", powerW: 90_000 }],
    generators: [
      { name: "cheap", bus: "1", maxW: 200_000, cost: { polynomial: { perKwh: 0.1 } } },
      { name: "dear", bus: "2", maxW: 200_000, cost: { piecewise: { points: [{ powerW: 0, perH: 0 }, { powerW: 200_000, perH: 40 }] } } },
    ],
    ...changes,
  };
}

/** A farm behind a cable of 1 % resistance and 2 % reactance. */
const feeder: NetworkOptions = {
  baseVa: 100_000,
  buses: [{ name: "substation", nominalV: 400, reference: true }, { name: "farm", nominalV: 400, maxPu: 1.05 }],
  branches: [{ name: "cable", from: "substation", to: "farm", rPu: 0.01, xPu: 0.02 }],
  loads: [{ name: "barn", bus: "farm", powerW: 50_000, reactiveVar: 20_000 }],
  generators: [
    { name: "grid", bus: "substation", minW: -900_000, maxW: 900_000, minVar: -900_000, maxVar: 900_000, cost: { polynomial: { perKwh: 0.2 } } },
    { name: "pv", bus: "farm", maxW: 800_000 },
  ],
};

const near = (left: number | undefined, right: number, within = 1e-6) => {
  assert.ok(left !== undefined && Math.abs(left - right) <= within, `${String(left)} is not ${String(right)}`);
};

test("a line at its rating parts the prices", async () => {
  const dispatch = await new Network(ring()).dcOpf();
  assert.ok(dispatch.status === "optimal");
  near(dispatch.costPerH, 12);
  near(dispatch.boundPerH, 12, 1e-4);
  [0.1, 0.2, 0.3].forEach((price, at) => {
    near(dispatch.buses[at]?.pricePerKwh, price);
  });
  assert.deepEqual(dispatch.binding.map(({ part, limit }) => `${part}.${limit}`), ["1-3.ratingVa"]);
  near(dispatch.branches[1]?.powerW, 50_000, 1e-2);
  assert.equal(dispatch.branches[0]?.loading, null);
  const reactance = await new Network(ring()).dcOpf({ susceptance: "reactance", engine: "clarabel" });
  assert.ok(reactance.status === "optimal" && reactance.engine === "clarabel");
});

test("what cannot be supplied is an answer, with what would mend it", async () => {
  const none = await new Network(ring({ loads: [{ name: "town", bus: "3", powerW: 500_000 }] })).dcOpf();
  assert.ok(none.status === "infeasible");
  assert.ok(none.conflict.some(({ part, limit }) => part === "dear" && limit === "maxW"), none.text);
  assert.ok(none.relaxations.every(({ amount, unit }) => amount > 0 && unit === "W"));
  assert.match(none.text, /no dispatch keeps .* together/);
});

test("a radial network has voltages, by linear and by exact equations", async () => {
  const network = new Network(feeder);
  const linear = await network.lindistflow();
  near(linear.lowest.voltagePu, Math.sqrt(1 - 0.018), 1e-12);
  assert.equal(linear.lowest.bus, "farm");
  const exact = await network.powerFlow();
  assert.ok(exact.status === "solved");
  assert.ok(exact.lowest.voltagePu < linear.lowest.voltagePu);
  near(exact.referenceW - exact.lossesW, 50_000);
  assert.equal(exact.branches[0]?.branch, "cable");
  const loads = [{ name: "mill", bus: "farm", powerW: 3_000_000 }];
  assert.equal((await new Network({ ...feeder, loads }).powerFlow()).status, "collapsed");
});

test("PV is curtailed to what the voltage allows", async () => {
  const dispatch = await new Network({ ...feeder, loads: [] }).voltageOpf();
  assert.ok(dispatch.status === "optimal");
  near(dispatch.generators[1]?.powerW, 512_500, 1e-1);
  near(dispatch.voltages[1]?.voltagePu, 1.05);
  near(dispatch.branches[0]?.powerW, -512_500, 1e-1);
  assert.deepEqual(dispatch.binding.map(({ part, limit }) => `${part}.${limit}`), ["farm.maxPu"]);
});

test("a network is read from a file and from text, and written back", async () => {
  const file = join(folder(), "ring.json");
  writeFileSync(file, JSON.stringify(new Network(ring())));
  const read = await Network.read(file);
  assert.deepEqual(read.toJSON(), new Network(ring()).toJSON());
  assert.deepEqual(Network.parse(JSON.stringify(read)).toJSON(), read.toJSON());
  await assert.rejects(Network.read("nowhere.m"), (e: unknown) => e instanceof IoError && e.message.includes("nowhere.m"));
  assert.throws(() => Network.parse("mpc.version = '1';"), /line 1: version/);
});

test("what is wrong is named", async () => {
  const refused = (options: unknown, message: string) => {
    assert.throws(() => new Network(options as NetworkOptions), (e: unknown) => e instanceof InvalidError && e.message.includes(message), message);
  };
  refused(ring({ branches: [{ name: "1-2", from: "1", to: "2", rOhm: 1 } as never] }), "network.branches[0].rOhm is not known, expected one of name, from");
  refused(ring({ loads: [{ name: "town", bus: "9", powerW: 1 }] }), 'load town.bus is "9"');
  refused({ ...ring(), colour: 1 }, "network.colour is not known");
  refused(ring({ baseVa: "1" as unknown as number }), 'string "1", expected f64');
  await assert.rejects(new Network(ring()).lindistflow(), /branch 2-3 closes a loop/);
  await assert.rejects(new Network(ring()).dcOpf({ susceptance: "sideways" as "series" }), /susceptance is "sideways", expected series or reactance/);
  await assert.rejects(new Network(ring()).dcOpf({ signal: AbortSignal.abort() }), { name: "AbortError" });
});

test("the fields of every part are those of the core", () => {
  const told = new Network(ring()).toJSON() as Record<string, object[]>;
  for (const [list, fields] of Object.entries(PARTS)) {
    assert.deepEqual(Object.keys(told[list]?.[0] ?? {}).sort(), Object.keys(fields).map(snake).sort(), list);
  }
});
