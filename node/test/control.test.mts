// Control from Node: a home whose battery is a device of this process, decided about ten times a second.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as mc from "memcore";
import { tableFromIPC } from "apache-arrow";
import { folder, program } from "./support.mjs";

const HOME = {
  site: "home1",
  zone: "Europe/Berlin",
  tick: "100ms",
  lease: "2s",
  asset: [
    { name: "grid", role: "grid_meter", power: "power", period: "100ms" },
    {
      name: "battery",
      role: "battery",
      power: "power",
      soc: "soc",
      setpoint: "power",
      rangeW: [-5000, 5000],
      period: "100ms",
      storage: { capacityWh: 10000 },
    },
  ],
  group: [{ name: "steerable", members: ["battery"] }],
};

const code = (code: mc.ErrorCode, message = /./) => ({ code, message });

/** A server that controls, with a grid meter and a battery that do as they are told. */
class Home {
  batteryW = 0;
  soc = 0.5;
  #devices: mc.Device[] = [];
  #measuring: NodeJS.Timeout | undefined;

  private constructor(readonly server: mc.Server) {}

  static async open(path: string): Promise<Home> {
    const home = new Home(await mc.serve(path, { listen: "127.0.0.1:0", control: HOME }));
    const meter = await mc.connect(await home.server.enroll("home1.grid"), { channels: { power: { unit: "W" } } });
    const battery = await mc.connect(await home.server.enroll("home1.battery"), {
      channels: { power: { unit: "W", writable: true }, soc: { unit: "1", quantity: "state_of_charge" } },
      onCommand: (_, value) => (home.batteryW = value),
      onRead: () => home.batteryW,
    });
    home.#devices = [meter, battery];
    home.#measuring = setInterval(() => {
      void meter.sendNow({ power: 300 + home.batteryW });
      void battery.sendNow({ power: home.batteryW, soc: home.soc });
    }, 50);
    // Until the battery's state of charge is known, nothing is granted.
    await until(() => home.status("battery").soc !== undefined);
    return home;
  }

  status(asset: string): mc.AssetStatus {
    const found = this.server.control.status().assets.find((one) => one.asset === asset);
    assert.ok(found);
    return found;
  }

  actor(name: string): mc.ActorStatus {
    const found = this.server.control.status().actors.find((one) => one.name === name);
    assert.ok(found);
    return found;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    clearInterval(this.#measuring);
    await sleep(60);
    for (const device of this.#devices) await device.close();
    await this.server.close();
  }
}

/** Waits for it; the test's own time limit is the bound. */
async function until(holds: () => boolean): Promise<void> {
  while (!holds()) await sleep(20);
}

const limit = { timeout: 60_000 };

test("a wish is granted, carried out, explained and taken back", limit, async () => {
  const path = folder();
  let asked: Date;
  {
    await using home = await Home.open(path);
    const number = home.server.propose({ asset: "battery", powerW: -2000, reason: "the evening is dear", validFor: "15m" });
    await until(() => home.batteryW === -2000);
    const status = home.server.control.status();
    assert.deepEqual({ site: status.site, tick: status.tick, lease: status.lease, enabled: status.enabled }, { site: "home1", tick: 100, lease: 2000, enabled: true });
    assert.equal(status.proposals.find(({ id }) => id === number)?.outcome, "granted");
    assert.deepEqual(home.status("battery").wish, { actor: "program", priority: 50, powerW: -2000, reason: "the evening is dear" });
    const why = await home.server.control.why("home1.battery.power");
    assert.match(String(why), /program \(priority 50\) wished for -2000 W: the evening is dear/);
    assert.equal(why.decided?.powerW, -2000);
    asked = new Date();
    assert.equal((await home.server.control.why("battery", { at: "10m" })).decided, null);
    await assert.rejects(home.server.control.why("battery", { at: "noon" }), code("INVALID", /noon/));
    await assert.rejects(home.server.control.why("heat_pump"), code("NOT_FOUND"));
    assert.equal(home.server.withdraw("program", { asset: "battery" }), 1);
    assert.equal(home.server.withdraw(), 0);
    await until(() => home.batteryW === 0);
  }
  using mem = mc.open(path);
  assert.match(String(await mem.why("battery", { at: asked })), /the evening is dear/);
});

test("bounds of a role, and the power of a group", limit, async () => {
  await using home = await Home.open(folder());
  home.server.propose({ role: "battery", highW: 500, reason: "a limit", priority: 90, actor: "operator", validFor: "1h" });
  home.server.propose({ group: "steerable", powerW: 4000, reason: "to be full", priority: 40, validFor: "1h" });
  await until(() => home.batteryW === 500);
  home.server.withdraw("operator");
  await until(() => home.batteryW === 4000);
});

test("a wish that cannot be is refused by name", limit, async () => {
  await using home = await Home.open(folder());
  const refused = (wish: object, says: RegExp): void => {
    assert.throws(() => home.server.propose({ reason: "a test", ...wish }), code("INVALID", says));
  };
  refused({ asset: "battery", powerW: NaN }, /power_w is NaN/);
  refused({ asset: "battery", powerW: "2 kW" }, /powerW is "2 kW", expected a number/);
  refused({ asset: "battery", powerKw: 2 }, /"powerKw" is not known/);
  refused({ asset: "batery", powerW: 1 }, /batery/);
  refused({ role: "batteries", powerW: 1 }, /role is "batteries", expected one of grid_meter/);
  refused({ asset: "battery", powerW: 1, priority: 101 }, /priority is 101, expected 1 to 100/);
  refused({ asset: "battery", powerW: 1, validFor: "2d" }, /valid_for is/);
  refused({ asset: "battery", role: "battery", powerW: 1 }, /expected exactly one/);
  refused({ asset: "battery", powerW: 1, reason: undefined }, /reason is undefined/);
  assert.equal(home.batteryW, 0);
});

test("functions, async functions and classes are actors", limit, async () => {
  await using home = await Home.open(folder());
  const views: mc.View[] = [];
  home.server.actor("night", { every: "100ms", budget: "500ms" }, (view) => {
    views.push(view);
    const soc = view.assets["battery"]?.soc;
    return soc !== undefined && soc < 0.3 ? { asset: "battery", powerW: 2000, reason: "low at night" } : undefined;
  });
  await until(() => views.length > 2);
  const view = views.at(-1);
  assert.deepEqual({ site: view?.site, gridW: view?.gridW, plan: view?.plan, prices: view?.prices }, { site: "home1", gridW: 300, plan: undefined, prices: {} });
  assert.equal(view?.assets["battery"]?.soc, 0.5);
  assert.ok(Math.abs(view.time.getTime() - Date.now()) < 60_000);
  home.soc = 0.2;
  await until(() => home.batteryW === 2000);
  home.server.removeActor("night");
  await until(() => home.batteryW === 0);
  assert.throws(() => {
    home.server.removeActor("night");
  }, code("NOT_FOUND"));

  home.server.actor("patient", { every: "100ms" }, async () => {
    await sleep(20);
    return [{ asset: "battery", powerW: -300, reason: "after a while", priority: 20 }];
  });
  await until(() => home.batteryW === -300);
  class Careful implements mc.Actor {
    constructor(readonly mostW: number) {}
    propose(): mc.Wishes {
      return { role: "battery", lowW: -this.mostW, highW: this.mostW, reason: "it is old", priority: 70 };
    }
  }
  home.server.actor("careful", { every: "100ms" }, new Careful(100));
  await until(() => home.batteryW === -100);
});

test("what an actor throws, wishes wrongly, or never answers is its own failure", limit, async () => {
  await using home = await Home.open(folder());
  home.server.actor("broken", { every: "100ms" }, () => {
    throw new RangeError("no heat pump");
  });
  home.server.actor("odd", { every: "100ms" }, () => ({ asset: "battery", powerW: NaN, reason: "odd" }));
  home.server.actor("strange", { every: "100ms" }, () => ({ battery: 1 }) as unknown as mc.Wish);
  home.server.actor("never", { every: "100ms", budget: "200ms" }, () => new Promise(() => undefined));
  home.server.actor("sound", { every: "100ms" }, () => ({ asset: "battery", powerW: -700, reason: "sound" }));
  await until(() => home.batteryW === -700);
  const fault = (name: string): string => home.actor(name).fault ?? "";
  await until(() => fault("broken").includes("RangeError: no heat pump"));
  await until(() => fault("odd").includes("power_w is NaN"));
  await until(() => fault("strange").includes('"battery" is not known'));
  await until(() => home.actor("never").overran === 1);
  assert.ok(home.actor("never").busy);
  assert.equal(home.actor("sound").fault, undefined);
  assert.ok(home.actor("broken").asked < home.actor("sound").asked);
  assert.throws(() => {
    home.server.actor("sound", {}, () => undefined);
  }, code("CONFLICT", /sound/));
  assert.throws(() => {
    home.server.actor("five", {}, 5 as unknown as mc.Think);
  }, code("INVALID", /actor five is 5/));
});

test("pausing, going on, and what happens meanwhile", limit, async () => {
  await using home = await Home.open(folder());
  home.server.control.events().close();
  const events = home.server.control.events();
  home.server.propose({ asset: "battery", powerW: 1500, reason: "to see it", validFor: "1h" });
  for await (const event of events) {
    if (event.kind === "answered" && event.value === 1500) {
      assert.equal(event.state, "done");
      break;
    }
  }
  assert.equal(await home.server.control.pause(), true);
  assert.equal(await home.server.control.pause(), false);
  assert.equal(home.server.control.status().enabled, false);
  assert.ok(home.server.control.status().paused?.since instanceof Date);
  // Its lease ends at the device: what it was told does not outlive control.
  await until(() => home.batteryW === 0);
  assert.equal(await home.server.control.resume(), true);
  await until(() => home.batteryW === 1500);
});

test("a server without a model controls nothing, and a model that cannot be is refused", limit, async () => {
  {
    await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
    assert.throws(() => server.control.status(), code("NOT_FOUND", /controls no site/));
    await assert.rejects(server.control.pause(), code("NOT_FOUND", /controls no site/));
  }
  await assert.rejects(mc.serve(folder(), { control: { site: "home1", assetts: [] } }), code("INVALID", /unknown field `assetts`/));
  await assert.rejects(mc.serve(folder(), { control: "nowhere.toml" }), code("INVALID", /there is no such file/));
  const path = folder();
  writeFileSync(join(path, "control.toml"), 'site = "home1"\n[[asset]]\nname = "grid"\nrole = "grid_meter"\npower = "power"\n');
  const server = await mc.serve(path, { listen: "127.0.0.1:0" });
  assert.deepEqual(
    server.control.status().assets.map(({ asset }) => asset),
    ["grid"],
  );
  await server.close();
  assert.throws(() => server.control.status(), code("CLOSED"));
});

test("a process with actors ends", limit, async () => {
  const ended = await program(
    `import * as mc from "memcore";
    const server = await mc.serve(process.argv.at(-1), { listen: "127.0.0.1:0", control: { site: "home1", tick: "100ms", lease: "2s",
      asset: [{ name: "grid", role: "grid_meter", power: "power" }] } });
    await new Promise((asked) => server.actor("never", { every: "100ms" }, () => { asked(); return new Promise(() => undefined); }));
    await server.close();
    console.log("the end");`,
    folder(),
  );
  assert.deepEqual({ code: ended.code, out: ended.out, error: ended.error }, { code: 0, out: "the end\n", error: "" });
});

test("a simulation with actors in its time, a table, a chart, and why", limit, async () => {
  let asked = 0;
  const told: number[] = [];
  const simulated = await mc.simulateControl(
    { ...HOME, tick: "1s", lease: "1m" },
    {
      days: 1,
      prices: [0.3, 0.08],
      soc: { battery: 0.2 },
      onProgress: (progress) => told.push(progress.part ?? 0),
      actors: {
        night: {
          every: "15m",
          actor: (view) => {
            asked++;
            return view.time.getUTCHours() < 6 ? { asset: "battery", powerW: 1000, reason: "it is night" } : null;
          },
        },
      },
    },
  );
  assert.equal(asked, 96);
  assert.deepEqual(simulated.violations, []);
  assert.ok(simulated.cost > 0);
  assert.ok((simulated.assets[0]?.takenKwh ?? 0) > 4);
  assert.match(simulated.why("battery", "2026-06-01T03:00:00Z"), /night \(priority 50\) wished for 1000 W: it is night/);
  assert.equal(tableFromIPC(await simulated.toIPC()).numRows, 1440);
  assert.ok(simulated.chart().panels.some(({ name }) => name === "power"));
  assert.match(String(simulated), /kWh bought/);
  assert.ok(told.length > 0);
  const again = await mc.simulateControl({ ...HOME, tick: "1s", lease: "1m" }, { days: 1, prices: [0.3, 0.08], soc: { battery: 0.2 } });
  assert.notEqual(again.cost, simulated.cost);
});

test("a simulation ends with what its actor throws, and with its signal", limit, async () => {
  const model = { ...HOME, tick: "1s", lease: "1m" };
  const broken = (): mc.Wishes => {
    throw new RangeError("no heat pump");
  };
  await assert.rejects(mc.simulateControl(model, { days: 1, actors: { broken } }), code("INVALID", /actor broken: RangeError: no heat pump/));
  const stop = new AbortController();
  const simulating = mc.simulateControl(model, { days: 365, signal: stop.signal, onProgress: () => { stop.abort(); } });
  await assert.rejects(simulating, { name: "AbortError" });
  await assert.rejects(mc.simulateControl(model, { days: 1, length: "1d" }), code("INVALID", /both days and length/));
  await assert.rejects(mc.simulateControl({ site: "home1" }, {}), code("INVALID"));
});
