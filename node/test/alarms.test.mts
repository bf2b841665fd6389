// Alarms as a program sees them: as they change, and what was said of them.
import assert from "node:assert/strict";
import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { type AddressInfo, createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import * as mc from "memcore";
import { folder, program } from "./support.mjs";

const ANY_PORT = { listen: "127.0.0.1:0" };
const WATCH = { kind: "threshold", series: "home1.*.power", above: 9, unit: "kW" };
/** What a listener has room for, as the core says it. */
const KEPT = 1024;

async function meter(server: mc.Server, channels = ["power"]): Promise<mc.Device> {
  const bundle = await server.enroll("home1.meter");
  return mc.connect(bundle, { channels: Object.fromEntries(channels.map((name) => [name, { unit: "W", quantity: "power" }])) });
}

/** So many of a stream, or a failure where they do not come. */
async function take<T>(stream: mc.LiveStream<T>, count: number): Promise<T[]> {
  const taken: T[] = [];
  while (taken.length < count) {
    const result = await stream.next({ signal: AbortSignal.timeout(20_000) });
    assert.ok(result.done !== true, `it ended after ${String(taken.length)}`);
    taken.push(result.value);
  }
  return taken;
}

async function one<T>(stream: mc.LiveStream<T>): Promise<T> {
  const [taken] = await take(stream, 1);
  assert.ok(taken !== undefined);
  return taken;
}

test("an alarm is followed from raised to cleared", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const rule = await server.alarms.addRule({ name: "too much", severity: "critical", watch: WATCH });
  const changes = server.alarms.subscribe();
  const elsewhere = server.alarms.subscribe({ operator: "acme" });
  await using device = await meter(server);
  await device.sendNow({ power: 9500 });
  const raised = await one(changes);
  assert.deepEqual([raised.what, raised.state, raised.rule, raised.subject], ["raised", "raised", rule["id"], "home1.meter.power"]);
  assert.deepEqual([raised.value, raised.unit, raised.severity], [9.5, "kW", "critical"]);
  assert.ok(Math.abs(raised.raised_us / 1000 - Date.now()) < 60_000);
  const known = await server.alarms.acknowledge(raised.id, { note: "on my way", by: "ada" });
  assert.deepEqual(await one(changes), { ...known, what: "acknowledged" });
  assert.deepEqual([known.state, known.acknowledged?.note], ["acknowledged", "on my way"]);
  await device.sendNow({ power: 100 });
  const cleared = await one(changes);
  assert.deepEqual([cleared.what, cleared.state, cleared.id], ["cleared", "cleared", raised.id]);
  assert.deepEqual((await server.alarms.find()).map((alarm) => ({ ...alarm, what: "cleared" })), [cleared]);
  assert.equal(changes.lost, 0);
  await assert.rejects(elsewhere.next({ signal: AbortSignal.timeout(20) }), { name: "TimeoutError" });
});

test("a slow reader learns how many it lost", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const [slow, quick] = [server.alarms.subscribe(), server.alarms.subscribe()];
  const channels = Array.from({ length: 60 }, (_, at) => `power${String(at)}`);
  const rules: mc.Answer[] = [];
  for (let at = 0; at < 10; at++) {
    const watch = { kind: "threshold", series: "home1.meter.*", above: 9000 };
    rules.push(await server.alarms.addRule({ name: `rule ${String(at)}`, severity: "info", watch }));
  }
  const half = channels.length * rules.length;
  await using device = await meter(server, channels);
  await device.sendNow(Object.fromEntries(channels.map((name) => [name, 9500])));
  const raised = await take(quick, half);
  for (const rule of rules) await server.alarms.removeRule(String(rule["id"]));
  const cleared = await take(quick, half);
  assert.deepEqual([new Set(raised.map(({ what }) => what)), new Set(cleared.map(({ what }) => what))], [new Set(["raised"]), new Set(["cleared"])]);
  assert.equal(quick.lost, 0);
  // The oldest were dropped: what is left is the latest, in order and without a gap.
  assert.deepEqual(await take(slow, KEPT), [...raised, ...cleared].slice(-KEPT));
  assert.equal(slow.lost, 2 * half - KEPT);
});

test("close() and the end of the server end the iteration", async () => {
  const server = await mc.serve(folder(), ANY_PORT);
  const [closed, followed] = [server.alarms.subscribe(), server.alarms.subscribe()];
  const waiting = closed.next();
  closed.close();
  closed.close();
  assert.deepEqual(await waiting, { done: true, value: undefined });
  await server.alarms.addRule({ name: "too much", severity: "warning", watch: WATCH });
  const seen: string[] = [];
  const following = (async () => {
    for await (const { what } of followed) seen.push(what);
  })();
  const device = await meter(server);
  await device.sendNow({ power: 9500 });
  while (seen.length === 0) await new Promise((resolve) => setTimeout(resolve, 10));
  await device.close();
  await server.close();
  await following;
  assert.deepEqual(seen, ["raised"]);
  assert.throws(() => server.alarms.subscribe(), { code: "CLOSED" });
});

test("what is asked for wrongly is refused by name", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  assert.throws(() => server.alarms.subscribe({ operator: "a b" }), { code: "INVALID", message: /operator/ });
  assert.throws(() => server.alarms.subscribe({ operator: 5 } as object), { code: "INVALID", message: /operator is 5/ });
  assert.throws(() => server.alarms.subscribe({ site: "home1" } as object), { code: "INVALID", message: /"site".*operator/ });
});

test("one that is followed does not keep the process once its server is closed", async () => {
  const source = `
    import { serve } from "memcore";
    const server = await serve(process.argv.at(-1), { listen: "127.0.0.1:0" });
    void server.alarms.subscribe().next();
    await server.close();
    console.log("closed");`;
  const { code, out, error } = await program(source, folder());
  assert.deepEqual([code, out.trim()], [0, "closed"], error);
});

test("a rule is changed by what is given", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const quiet = { from: "22:00", to: "07:00", zone: "Europe/Berlin", lets_through: "critical" };
  const made = await server.alarms.addRule({ name: "too much", severity: "info", watch: WATCH, enabled: false, quiet, remind: "1h" });
  const id = String(made["id"]);
  assert.deepEqual(await server.alarms.changeRule(id, { severity: "critical", enabled: true }), { ...made, severity: "critical", enabled: true });
  const changed = await server.alarms.changeRule(id, { watch: { ...WATCH, above: 12 }, quiet: null, remind: 7_200_000 });
  assert.deepEqual([(changed["watch"] as { above: number }).above, changed["quiet"], changed["remind"]], [12, null, "7200000000us"]);
  assert.equal((await server.alarms.changeRule("device-offline", { enabled: false }))["built_in"], true);
  await assert.rejects(server.alarms.changeRule("none", { enabled: true }), { code: "NOT_FOUND" });
  await assert.rejects(server.alarms.removeRule("device-offline"), { code: "CONFLICT" });
});

test("who is told is made, tried, changed and removed", async () => {
  const taken = createServer().listen(0, "127.0.0.1");
  await once(taken, "listening");
  const origin = `http://127.0.0.1:${String((taken.address() as AddressInfo).port)}`;
  taken.close();
  const site = folder();
  const config = join(site, "memcore.toml");
  writeFileSync(config, `[alarms]\nwebhook_allow = ["${origin}"]\n`);
  await using server = await mc.serve(site, { ...ANY_PORT, config });
  const made = await server.alarms.addNotifier({ kind: "webhook", name: "on call", url: `${origin}/in`, secret: "0123456789abcdef" });
  const id = String(made["id"]);
  assert.deepEqual([made["enabled"], made["signed"], made["last_sent_us"]], [true, true, null]);
  const rule = await server.alarms.addRule({ name: "too much", severity: "info", watch: WATCH, notify: [id] });
  // Nobody listens there any more.
  const problem = await server.alarms.testNotifier(id);
  assert.equal(typeof problem, "string");
  const changed = await server.alarms.changeNotifier(id, { kind: "webhook", name: "nobody", url: `${origin}/out`, enabled: false });
  assert.deepEqual([changed["name"], changed["enabled"], changed["signed"]], ["nobody", false, true]);
  await server.alarms.removeNotifier(id);
  assert.deepEqual(await server.alarms.notifiers(), []);
  assert.deepEqual((await server.alarms.rules()).find((known) => known["id"] === rule["id"])?.["notify"], []);
  await assert.rejects(server.alarms.testNotifier(id), { code: "NOT_FOUND" });
});
