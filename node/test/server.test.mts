// A server from Node: emulated devices over TLS, live readings and events, commands, history, and the end of it all.
import assert from "node:assert/strict";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as mc from "memcore";
import { folder } from "./support.mjs";

const ANY_PORT = { listen: "127.0.0.1:0" };

/** A code to be expected of a rejection. */
const code = (code: mc.ErrorCode, message = /./) => ({ code, message });

/** The next one of a stream, or a failure where none comes. */
async function next<T>(stream: mc.LiveStream<T>): Promise<T> {
  const result = await stream.next({ signal: AbortSignal.timeout(10_000) });
  assert.ok(result.done !== true);
  return result.value;
}

test("a street sends, a viewer watches, a battery obeys, and history has it all", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  assert.equal(server.address, `127.0.0.1:${String(server.port)}`);
  const live = server.subscribe("home1.*.power");
  const events = server.events();
  await using simulation = await mc.simulate(server, { devices: 4, seed: 1, speed: 1, step: "200ms" });

  const seen: mc.Reading[] = [];
  for await (const reading of live) {
    seen.push(reading);
    // On a busy machine one device may be a while behind the others.
    if (seen.length >= 9 && new Set(seen.map((one) => one.series)).size === 3) break;
  }
  assert.deepEqual(new Set(seen.map((reading) => reading.series)), new Set(["home1.pv.power", "home1.battery.power", "home1.house.power"]));
  assert.ok(seen.every((reading) => Math.abs(reading.time.getTime() - Date.now()) < 60_000));
  assert.equal((await live.next()).done, true, "breaking out of the loop closes the subscription");

  const done = await server.command("home1.battery.power", -2000, { lease: "15m", fallback: 0, id: "c1" });
  assert.deepEqual(done, { id: "c1", state: "done", readBack: -2000 });
  const states: string[] = [];
  while (states.at(-1) !== "done") {
    const event = await next(events);
    if (event.event === "command" && event.id === "c1") states.push(event.state);
  }
  assert.equal(states[0], "queued");

  const { rows, points } = simulation.sent();
  assert.ok(rows >= 12 && points > rows);
  const report = await simulation.stop();
  assert.deepEqual({ ...report, rowsSent: 0, pointsSent: 0 }, { devices: 4, rowsSent: 0, pointsSent: 0, rowsNotDurable: 0, rejected: 0, commands: 1 });
  assert.deepEqual(await simulation.stop(), report, "stopping again gives the same report");
  assert.equal(server.stats().pointsDurable, report.pointsSent);
  assert.equal((await server.mem.query(">")).length, report.pointsSent);
  const readings = (await server.mem.query("home1.*.power")).rows();
  for (const reading of seen) {
    const stored = readings.find((row) => row.series === reading.series && row.timeUs === reading.timeUs);
    assert.equal(stored?.value, reading.value, "what was seen live is what is stored");
  }
  assert.deepEqual(server.devices().map((device) => device.device), ["home1.battery", "home1.hem", "home1.house", "home1.pv"]);
});

test("that a device refuses, or never comes, is a result; that a question makes no sense is an error", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  await using simulation = await mc.simulate(server, { devices: 3, speed: 1, step: "100ms" });
  const [power] = server.mem.series("home1.battery.power");
  assert.equal(power?.writable, true);
  await assert.rejects(server.command("home1.pv.nothing", 1), code("NOT_FOUND", /home1\.pv\.nothing/));
  await assert.rejects(server.command("home1.battery.soc", 1), code("INVALID", /home1\.battery\.soc takes no commands/));
  await assert.rejects(server.command("home1.battery.power", 1e9, { lease: "1m", fallback: 0 }), code("INVALID", /value is 1000000000/));
  await assert.rejects(server.command("home1.battery.power", 1, { lease: "1m" }), code("INVALID", /fallback/));
  await assert.rejects(server.command("home1.battery.power", 1, { lease: "soon", fallback: 0 }), code("INVALID", /lease.*soon/));
  await assert.rejects(server.command("home1.battery.power", NaN), code("INVALID", /NaN/));
  await assert.rejects(server.command("home1.battery.power", 1, { laese: "1m" } as object), code("INVALID", /"laese".*lease/));
  await assert.rejects(server.command("home1.battery.power", "1" as unknown as number), code("INVALID", /value is "1"/));

  await simulation.stop();
  const late = await server.command("home1.battery.power", 0, { lease: "1m", fallback: 0, expires: "300ms" });
  assert.equal(late.state, "expired");

  const controller = new AbortController();
  const asked = server.command("home1.battery.power", 0, { lease: "1m", fallback: 0, signal: controller.signal });
  controller.abort();
  await assert.rejects(asked, { name: "AbortError" });
  const unanswered = server.command("home1.battery.power", 0, { lease: "1m", fallback: 0 });
  await server.close();
  const end = await unanswered;
  assert.ok(end.state === "refused" && end.code === "shutdown", "it was never sent, so it had no effect");
});

test("a next() that is given up takes nothing, and close() settles one that waits", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const live = server.subscribe(">");
  for (let round = 0; round < 20; round++) {
    await assert.rejects(live.next({ signal: AbortSignal.timeout(2) }), { name: "TimeoutError" });
  }
  const raced = live.next();
  assert.equal(await Promise.race([raced, sleep(20, "late")]), "late");
  await using simulation = await mc.simulate(server, { devices: 1, start: "2024-06-21T12:00:00Z", duration: "20s", speed: null });
  const { pointsSent } = await simulation.finish();
  // Kept and raced again, it gives the first reading; the others follow, none lost, none twice.
  const seen = [((await raced) as IteratorYieldResult<mc.Reading>).value];
  while (seen.length < pointsSent) {
    const step = live.next({ signal: AbortSignal.timeout(seen.length % 3 === 0 ? 1 : 10_000) });
    const got = await step.catch(() => undefined);
    if (got?.done === false) seen.push(got.value);
  }
  assert.equal(new Set(seen.map((reading) => `${reading.series} ${String(reading.timeUs)}`)).size, pointsSent);
  assert.deepEqual(seen.map((reading) => reading.timeUs), seen.map((reading) => reading.timeUs).toSorted((a, b) => Number(a - b)));
  assert.equal(live.lost, 0);

  const waiting = [live.next(), live.next()];
  live.close();
  live.close();
  assert.deepEqual(await Promise.all(waiting), [{ done: true, value: undefined }, { done: true, value: undefined }]);

  const ends = server.subscribe(">").next();
  const happened = server.events().next();
  await server.close();
  assert.deepEqual([(await ends).done, (await happened).done], [true, true]);
  assert.throws(() => server.subscribe(">"), code("CLOSED"));
  await assert.rejects(server.command("home1.battery.power", 0), code("CLOSED"));
  await assert.rejects(server.mem.query(">"), code("CLOSED"));
  await server.close();
});

test("a subscription is a Web stream too", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const reader = server.subscribe("*.hem.>").toReadableStream().getReader();
  await using simulation = await mc.simulate(server, { devices: 1, speed: 1, step: "50ms" });
  const { value } = await reader.read();
  assert.match(value?.series ?? "", /^home1\.hem\./);
  const pending = reader.read();
  await reader.cancel();
  assert.equal((await pending).done, true);
  assert.ok(simulation.sent().rows > 0);
});

test("devices are enrolled by secret or certificate, and revoked", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const bySecret = await server.enroll("home1.pv");
  assert.deepEqual(Object.keys(bySecret).sort(), ["ca_pem", "credential", "device", "server"]);
  assert.equal(bySecret.server, `localhost:${String(server.port)}`);
  const byCertificate = await server.enroll("home1.meter", { proof: "certificate" });
  assert.match(byCertificate.certificate_pem ?? "", /BEGIN CERTIFICATE/);
  assert.deepEqual(server.devices().map(({ device, connected, lastSeen }) => ({ device, connected, lastSeen })), [
    { device: "home1.meter", connected: false, lastSeen: null },
    { device: "home1.pv", connected: false, lastSeen: null },
  ]);
  await server.revoke("home1.pv");
  await assert.rejects(server.revoke("home1.pv"), code("NOT_FOUND", /home1\.pv/));
  await assert.rejects(server.enroll("pv"), code("INVALID", /pv/));
  await assert.rejects(server.enroll("home1.pv", { proof: "word" } as object), code("INVALID", /secret or certificate/));
});

test("a simulation reaches the server of a site by its folder", async () => {
  const site = folder();
  await assert.rejects(mc.simulate(site, { devices: 1 }), code("CONNECTION", /no server runs/));
  await using server = await mc.serve(site, ANY_PORT);
  const simulation = await mc.simulate(site, { devices: 2, duration: "1m", speed: null });
  const report = await simulation.finish();
  assert.equal(report.rowsSent, 120);
  assert.equal((await server.mem.query(">")).length, report.pointsSent);
});

test("what cannot be served or simulated says why", async () => {
  const site = folder();
  await using server = await mc.serve(site, ANY_PORT);
  await assert.rejects(mc.serve(site, ANY_PORT), code("LOCKED"));
  await assert.rejects(mc.serve(folder(), { listen: server.address }), code("IO"));
  await assert.rejects(mc.serve(folder(), { listen: "nowhere" }), code("INVALID", /gateway\.listen/));
  await assert.rejects(mc.serve(folder(), { port: 1 } as object), code("INVALID", /"port".*listen, config/));
  await assert.rejects(mc.serve(folder(), { config: join(site, "none.toml") }), code("IO", /none\.toml/));
  await assert.rejects(mc.simulate(server, { devices: 0 }), code("INVALID", /devices/));
  await assert.rejects(mc.simulate(server, { speed: -1 }), code("INVALID", /speed is -1/));
  await assert.rejects(mc.simulate(server, { speed: null }), code("INVALID", /future/));
  await assert.rejects(mc.simulate(server, { replay: join(site, "none.csv"), device: "home1.meter" }), code("IO", /none\.csv/));
  await assert.rejects(mc.simulate(server, { replay: "x.csv" }), code("INVALID", /device/));
  await assert.rejects(mc.simulate(server, { replay: "x.csv", seed: 1 }), code("INVALID", /"seed"/));
  await assert.rejects(mc.simulate(1 as unknown as string), code("INVALID", /a Server or a site's folder/));
});

test("a simulation that waits for a server that is gone can be stopped", async () => {
  const server = await mc.serve(folder(), ANY_PORT);
  const simulation = await mc.simulate(server, { devices: 1, speed: 1, step: "20ms" });
  await sleep(200);
  await assert.rejects(simulation.finish({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  const finishing = simulation.finish();
  await server.close();
  const report = await simulation.stop();
  assert.deepEqual(await finishing, report);
  assert.ok(report.rowsSent > 0);
});

test("a device rotates, its proofs are listed, and the trail says who did what", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  await assert.rejects(server.rotate("home1.pv"), code("NOT_FOUND", /home1\.pv is not enrolled/));
  await server.enroll("home1.pv");
  const bundle = await server.rotate("home1.pv", { proof: "certificate", overlap: "1d" });
  assert.ok(bundle.certificate_pem !== undefined && bundle.credential === undefined);
  const proofs = server.devices()[0]?.proofs ?? [];
  assert.deepEqual(
    proofs.map(({ kind, until, ends, lastUsed }) => [kind, until !== null, ends !== null, lastUsed]),
    [
      ["certificate", false, true, null],
      ["secret", true, false, null],
    ],
  );
  await server.limit("home1.pv", { pointsPerS: 100, burst: 50 });
  const limited = server.devices()[0];
  assert.deepEqual([limited?.pointsPerS, limited?.burst], [100, 50]);
  assert.deepEqual((await server.enrollMany(["home2.pv", "home3.pv"])).map(({ device }) => device), ["home2.pv", "home3.pv"]);
  await server.rotate("home1.pv", { overlap: 0 });
  assert.equal(server.devices()[0]?.proofs.length, 1);
  await server.revoke("home1.pv");

  const trail = await server.audit({ device: "home1.pv" });
  assert.deepEqual(trail.map(({ kind }) => kind), ["enrolled", "rotated", "limited", "rotated", "revoked"]);
  assert.ok(trail.every(({ by, time }) => by === "program" && Math.abs(time.getTime() - Date.now()) < 60_000));
  assert.equal((await server.audit({ kind: "revoked", since: new Date(Date.now() - 60_000), limit: 5 })).length, 1);
  assert.deepEqual((await server.verifyAudit()).faults, []);
  assert.equal(server.certificate().refused, null);
  await assert.rejects(server.audit({ kind: "logins" }), code("INVALID", /login_refused/));
});
