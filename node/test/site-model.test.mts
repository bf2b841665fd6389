/** Site models as a user of the package has them. */
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { InvalidError, IoError, SiteModel } from "memcore";
import { snake } from "../src/assets.cjs";
import { MODEL, MODEL_ASSET } from "../src/site-model.cjs";

const EXAMPLES = join(import.meta.dirname, "..", "..", "examples");

function home(): SiteModel {
  return new SiteModel("home1", { zone: "Europe/Berlin", lease: 30_000 })
    .gridMeter("meter", { currents: ["l1", "l2", "l3"], period: "1s" })
    .pv("pv", { rangeW: [-8_000, 0] })
    .battery("battery", { storage: { capacityWh: 10_000 }, rangeW: [-5_000, 5_000], soc: "soc", setpoint: "power" })
    .charger("box", { circuit: "garage", rangeW: [0, 11_040], leastW: 1_380, setpoint: "limit", setpointUnit: "a", minOn: "5m" })
    .circuit("main", { limitA: 35, meter: "meter" })
    .circuit("garage", { within: "main", limitA: 16 })
    .group("flexible", ["battery", "box"], "order")
    .external("dso", { signal: "control_box:limit", failsafeW: 4_200, members: ["box"] })
    .tariff({ buyPerKwh: 0.3, sellPerKwh: 0.08 })
    .planning({ every: "15m" })
    .strategy("self_consumption", { asset: "battery" });
}

test("a site that is built is checked and shown as a tree", () => {
  const model = home();
  assert.deepEqual(model.check(), ["circuit garage: meter is not given: what flows is taken to be the sum of its assets"]);
  assert.equal(String(model).split("\n")[0], "home1: Europe/Berlin, EUR, decided every 1s, commands hold for 30s");
  assert.match(String(model), / {3}└─ \[garage\] 16 A, 5 % kept free/);
});

test("it is the same in every form", () => {
  const model = home();
  for (const again of [SiteModel.parse(model.toToml()), SiteModel.parse(model.toJson()), SiteModel.parse(JSON.stringify(model))]) {
    assert.deepEqual(again.toJSON(), model.toJSON());
  }
});

test("the examples are good", async () => {
  for (const name of ["home", "island"]) {
    const model = await SiteModel.read(join(EXAMPLES, `${name}.control.toml`));
    model.check();
    assert.deepEqual(SiteModel.parse(model.toToml()).toJSON(), model.toJSON());
  }
});

test("all faults are told at once", () => {
  const model = home().circuit("attic", { within: "garage", limitA: 63 }).load("box", { setpoint: "on" });
  assert.throws(
    () => model.check(),
    (e: unknown) => {
      assert.ok(e instanceof InvalidError);
      assert.match(e.message, /^\d+ faults:\n/);
      assert.match(e.message, /asset box: name is box, as another asset is called already/);
      assert.match(e.message, /circuit attic: limit_a is 63, expected at most 16/);
      return true;
    },
  );
});

test("what cannot be read is told with its place", async () => {
  const wrong = JSON.stringify({ site: "s", asset: [{ name: "b", role: "battery", storage: { capacity_kwh: 10 } }] });
  assert.throws(() => SiteModel.parse(wrong), /asset\[0\] \(b\)\.storage\.capacity_kwh: unknown field `capacity_kwh`/);
  assert.throws(() => new SiteModel("s").pv("pv", { rangeW: [Number.NaN, 0] }), /asset "pv"\.rangeW\[0\] is NaN, expected a finite number/);
  assert.throws(() => new SiteModel("my home").check(), /name is "my home", expected 1 to 64/);
  await assert.rejects(SiteModel.read("none.toml"), IoError);
});

test("what can be said is what the core reads", () => {
  const known = (fields: object): string[] => {
    try {
      SiteModel.parse(JSON.stringify({ site: "s", ...fields }));
    } catch (e) {
      const listed = (e as Error).message.split("expected one of ")[1] ?? "";
      return listed.replaceAll("`", "").split(", ").sort();
    }
    throw new Error("nothing was refused");
  };
  const inAsset = (part: string): object => ({ asset: [{ name: "a", role: "load", [part]: { no_field: 1 } }] });
  const names = (fields: object, ...more: string[]): string[] => [...Object.keys(fields).map(snake), ...more].sort();
  assert.deepEqual(known({ asset: [{ name: "a", role: "load", no_field: 1 }] }), names(MODEL_ASSET, "name", "role"));
  for (const part of ["storage", "vehicle", "fuel"] as const) assert.deepEqual(known(inAsset(part)), names(MODEL[part]));
  assert.deepEqual(known({ circuit: [{ no_field: 1 }] }), names(MODEL.circuit, "name"));
  assert.deepEqual(known({ external: [{ no_field: 1 }] }), names(MODEL.external, "name"));
  for (const part of ["tariff", "island", "planning"] as const) assert.deepEqual(known({ [part]: { no_field: 1 } }), names(MODEL[part]));
});
