/** Sites and plans as a user of the package has them. */
import assert from "node:assert/strict";
import { test } from "node:test";
import { tableFromIPC } from "apache-arrow";
import { type Asset, InvalidError, NotFoundError, Planner, Site, type SiteOptions, solveMany } from "memcore";
import { ASSETS, snake } from "../src/assets.cjs";

const start = new Date("2026-01-01T00:00:00Z");
const battery: Asset = { type: "battery", name: "battery", capacityWh: 10_000, chargeLimitW: 5000, dischargeLimitW: 5000, initialWh: 5000 };

function home(changes: Partial<SiteOptions> = {}): SiteOptions {
  const buyPerKwh = Float64Array.of(0.3, 0.2, 0.2, 0.4);
  return {
    horizon: { start, step: "1h", steps: 4 },
    assets: [{ type: "grid", name: "grid", buyPerKwh, sellPerKwh: 0.08 }, battery, { type: "load", name: "house", powerW: [500, 600, 700, 800] }],
    ...changes,
  };
}

test("a plan says what every asset does, what it costs and why", async () => {
  const plan = await new Site(home()).solve();
  assert.equal(plan.status, "optimal");
  assert.ok(plan.found);
  const [total, objective] = [plan.costs.reduce((sum, { amount }) => sum + amount, 0), plan.objective];
  assert.ok(Math.abs(total - objective) < 1e-9);
  const { chargeW, dischargeW } = { chargeW: plan.part("battery").column("chargeW"), dischargeW: plan.part("battery").column("dischargeW") };
  assert.ok(chargeW instanceof Float64Array && chargeW.length === 4);
  assert.deepEqual([...plan.part("battery").netPowerW], [...chargeW].map((charge, step) => charge - (dischargeW[step] ?? NaN)));
  assert.equal(plan.part("battery").column("energyWh").at(-1)?.toFixed(3), "5000.000");
  assert.equal(plan.times[1], BigInt(start.getTime() + 3_600_000) * 1000n);
  assert.deepEqual([...plan].map(({ name, kind }) => `${name}: ${kind}`), ["grid: grid", "battery: battery", "house: load"]);
  assert.equal(plan.prices["main"]?.length, 4);
  assert.equal(plan.waterValues["battery"]?.length, 4);
  assert.ok(plan.certificate.largestResidual < 1e-3);
  assert.ok(plan.engine.timings.solve >= 0 && plan.engine.why.length > 0);
  assert.match(plan.explain(), /optimal: .* EUR over 4 steps/);
  assert.equal((plan.toJSON() as { status: string }).status, "optimal");
});

test("solving at once, off the thread, and many at a time is the same", async () => {
  const site = new Site(home());
  const one = site.solveSync();
  const progress: number[] = [];
  const many = await solveMany([site, new Site(home()), site], { threads: 2, onProgress: ({ points }) => progress.push(points) });
  const planner = new Planner();
  for (const plan of [await site.solve(), ...many, await planner.solve(site), await planner.solve(site)]) {
    assert.deepEqual(plan.toJSON()["columns"], one.toJSON()["columns"]);
  }
  const warm = new Planner({ engine: "highs", warmStarts: true });
  for (const plan of [await warm.solve(site), await warm.solve(site)]) assert.ok(Math.abs(plan.objective - one.objective) < 1e-6);
  assert.throws(() => new Planner({ warmStarts: 1 as unknown as boolean }), /warmStarts/);
  assert.equal(many[0]?.site, site);
  const wrong = new Site(home({ shortagePerKwh: NaN, assets: [{ ...battery, capacityWh: -1 }] }));
  await assert.rejects(solveMany([site, wrong]), (e: unknown) => e instanceof InvalidError && e.message.startsWith("sites[1] (site)"));
});

test("a column may be a typed array or an array, a time a Date, a bigint or text", () => {
  const written = JSON.stringify(new Site(home()));
  const assets = home().assets.map((asset) => (asset.type === "grid" ? { ...asset, buyPerKwh: [0.3, 0.2, 0.2, 0.4] } : asset));
  for (const time of [start, BigInt(start.getTime()) * 1000n, "2026-01-01T01:00:00+01:00"]) {
    assert.equal(JSON.stringify(new Site(home({ assets, horizon: { start: time, step: 3_600_000, steps: 4 } }))), written);
  }
  assert.equal(JSON.stringify(Site.fromJSON(written)), written);
});

test("what is wrong is named", () => {
  const refused = (options: unknown, message: string) => {
    assert.throws(() => new Site(options as SiteOptions), (e: unknown) => e instanceof InvalidError && e.message.includes(message), message);
  };
  refused(home({ assets: [{ ...battery, capacityKwh: 10 } as unknown as Asset] }), "battery.capacityKwh is not known, expected one of");
  refused(home({ assets: [{ type: "accumulator" } as unknown as Asset] }), 'site.assets[0].type is "accumulator"');
  refused({ ...home(), colour: 1 }, "site.colour is not known");
  refused(home({ currency: "EUX" }), "EUX");
  refused(home({ assets: [{ ...battery, chargeLimitW: "5" as unknown as number }] }), 'battery.chargeLimitW is "5", expected a number');
  refused(home({ assets: [{ ...battery, capacityWh: "5" as unknown as number }] }), "capacity_wh is string");
  refused(home({ horizon: { start: 5 as unknown as Date, step: "1h", steps: 4 } }), "site.horizon.start is 5");
  assert.throws(() => new Site(home()).solveSync({ engine: "cplex" as "highs" }), /engine is "cplex", expected/);
});

test("the fields of every asset are those of the core", () => {
  const given: Record<string, object> = {
    grid: { buyPerKwh: 1 },
    pv: { availableW: 1 },
    battery,
    ev: { sessions: [], charging: { power: { minW: 0, maxW: 1 } } },
    deferrable: { runTime: "1h" },
    heat_pump: { heat: { tank: {} } },
    genset: {},
    load: { powerW: 1 },
  };
  for (const [type, fields] of Object.entries(given)) {
    const site = new Site(home({ assets: [{ ...fields, type, name: type } as Asset] }));
    const [told] = (site.toJSON() as { asset: object[] }).asset;
    assert.deepEqual(Object.keys(told ?? {}).sort(), Object.keys(ASSETS[type as Asset["type"]]).map(snake).sort(), type);
  }
});

test("a site without a plan says why, and its plan cannot be read", async () => {
  const assets: Asset[] = [{ type: "grid", name: "grid", buyPerKwh: 0.3, importLimitW: 300 }, { type: "load", name: "house", powerW: 500 }];
  const plan = await new Site(home({ assets })).solve();
  assert.equal(plan.status, "infeasible");
  assert.ok(!plan.found);
  assert.deepEqual(plan.conflict.map(({ limit }) => limit), ["importLimitW", "balance"]);
  assert.ok(Math.abs((plan.relaxations[0]?.amount ?? 0) - 200) < 1);
  assert.ok((plan.relaxedPlan?.part("grid").column("importW")[0] ?? 0) > 499);
  assert.throws(() => plan.objective, /there is no plan: .*grid.import_limit_w/);
  await assert.rejects(plan.toIPC(), InvalidError);
});

test("a plan leaves as Arrow and as what charts take", async () => {
  const plan = new Site(home()).solveSync();
  const table = tableFromIPC(await plan.toIPC());
  assert.equal(table.numRows, 4);
  assert.deepEqual([...(table.getChild("battery.energy_wh")?.toArray() as Float64Array)], [...plan.part("battery").column("energyWh")]);
  assert.equal(table.schema.metadata.get("currency"), "EUR");

  const chart = plan.chart();
  assert.deepEqual(chart.panels.map(({ name }) => name), ["power", "energy", "price"]);
  assert.equal(chart.borders.length, 5);
  const [times, ...series] = chart.uplot("energy");
  assert.deepEqual(times, chart.borders.slice(0, 4).map((border) => border / 1000));
  assert.equal(series[0]?.length, 4);
  const options = chart.echarts() as { series: { data: unknown[] }[]; grid: unknown[] };
  assert.equal(options.grid.length, 3);
  assert.ok(options.series.length >= 5);
  assert.throws(() => plan.part("cellar"), NotFoundError);
  assert.throws(() => plan.part("battery").column("importW"), NotFoundError);
});

test("waiting can be given up", async () => {
  const site = new Site(home());
  await assert.rejects(site.solve({ signal: AbortSignal.abort() }), { name: "AbortError" });
});
