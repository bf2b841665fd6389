// A device from Node: rows one by one and in bulk, outages and restarts with a buffer, commands, times, and what is refused.
import assert from "node:assert/strict";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import { join } from "node:path";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as mc from "memcore";
import { folder, program } from "./support.mjs";

const CHANNELS = { power: { unit: "W" }, relay: { unit: "on/off", quantity: "switch", kind: "state", writable: true } } as const;
const START = 1_700_000_000_000_000n;
const at = (row: number): bigint => START + BigInt(row) * 1_000_000n;

/** A code to be expected of a rejection. */
const code = (code: mc.ErrorCode, message = /./) => ({ code, message });

/** A port that nobody has at the moment. */
function freePort(): Promise<number> {
  const server = createServer();
  return new Promise((resolve) => {
    server.listen(0, "127.0.0.1", () => {
      const address = server.address();
      server.close(() => {
        resolve(typeof address === "object" && address !== null ? address.port : 0);
      });
    });
  });
}

async function powers(server: mc.Server): Promise<(number | null)[]> {
  return (await server.mem.query("home1.hem.power")).rows().map((row) => row.value);
}

test("rows are sent one by one and in bulk, and are durable after a flush", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  await using device = await mc.connect(await server.enroll("home1.hem"), { channels: CHANNELS });
  assert.equal(device.state.state, "open");
  assert.equal(await device.send(at(1), { power: 1466.5, relay: 1 }), 1);
  assert.equal(await device.send(new Date("2023-11-14T22:13:22Z"), { power: null }), 2);
  const many = BigInt64Array.from({ length: 1000 }, (_, row) => at(row + 3));
  assert.equal(await device.sendMany(many, { power: Float64Array.from(many, (_, row) => (row === 7 ? NaN : row)) }), 1002);
  assert.equal(await device.sendMany([], {}), null);
  await device.flush();
  assert.deepEqual({ backlog: device.backlog, durable: device.durable, dropped: device.dropped, rejected: device.rejected.count }, { backlog: 0, durable: 1002, dropped: 0, rejected: 0 });
  const stored = await powers(server);
  assert.equal(stored.length, 1000, "one by one, and all of the bulk but the NaN");
  assert.deepEqual(stored.slice(0, 3), [1466.5, 0, 1]);
  assert.equal((await server.mem.query("home1.hem.relay")).length, 1);
});

test("a wrong row is refused by name and nothing of it is sent", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  await using device = await mc.connect(await server.enroll("home1.hem"), { channels: CHANNELS });
  await assert.rejects(device.send(at(1), { pwoer: 1 }), code("INVALID", /"pwoer".*power, relay/));
  await assert.rejects(device.send(at(1), { power: "1" as unknown as number }), code("INVALID", /power is "1"/));
  await assert.rejects(device.send(at(1), { power: Infinity }), code("INVALID", /inf/));
  await assert.rejects(device.send(1 as unknown as bigint, { power: 1 }), code("INVALID", /time is 1/));
  await assert.rejects(device.sendMany([at(1)], { power: [1, 2] }), code("INVALID", /2 values, expected 1/));
  await assert.rejects(mc.connect(await server.enroll("home1.pv"), { channels: { power: { unit: "furlong" } } }), code("INVALID", /furlong/));
  await assert.rejects(mc.connect(await server.enroll("home1.pv"), { channels: CHANNELS, buffr: "x" } as mc.DeviceOptions), code("INVALID", /"buffr"/));
  assert.equal(device.backlog, 0);
});

test("a buffer keeps rows across restarts while the server is away, and each arrives once", async () => {
  const [site, buffer, port] = [folder(), join(folder(), "buffer"), await freePort()];
  const listen = `127.0.0.1:${String(port)}`;
  let server = await mc.serve(site, { listen });
  const bundle = join(folder(), "bundle.json");
  writeFileSync(bundle, JSON.stringify(await server.enroll("home1.hem")));
  await server.close();

  for (const run of [0, 1]) {
    const device = await mc.connect(bundle, { channels: CHANNELS, buffer, wait: false });
    assert.equal(device.backlog, run * 100);
    for (let row = 1; row <= 100; row++) await device.send(at(run * 100 + row), { power: run * 100 + row });
    await device.close();
  }
  server = await mc.serve(site, { listen });
  const device = await mc.connect(bundle, { channels: CHANNELS, buffer });
  await device.flush({ signal: AbortSignal.timeout(30_000) });
  assert.deepEqual(await powers(server), Array.from({ length: 200 }, (_, row) => row + 1));
  assert.equal(server.stats().pointsDurable, 200);
  await assert.rejects(mc.connect(bundle, { channels: CHANNELS, buffer, wait: false }), code("LOCKED"));
  await device.close();
  await server.close();
});

test("a full buffer drops the oldest and says how many, or refuses", async () => {
  const server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  const bundle = await server.enroll("home1.hem");
  await server.close();
  const times = BigInt64Array.from({ length: 5760 }, (_, row) => at(row * 60));
  const power = Float64Array.from(times, (_, row) => row);
  await using device = await mc.connect(bundle, { channels: CHANNELS, buffer: join(folder(), "b"), bufferBytes: 65_536, wait: false });
  await device.sendMany(times, { power });
  assert.ok(device.dropped > 0 && device.buffer.bytes <= 65_536);
  assert.equal(device.backlog + device.dropped, 5760);
  await using strict = await mc.connect(bundle, { channels: CHANNELS, backlogRows: 10, whenFull: "refuse", wait: false });
  for (let row = 0; row < 10; row++) await strict.send(at(row), { power: row });
  await assert.rejects(strict.send(at(11), { power: 1 }), code("LIMIT_REACHED"));
  await assert.rejects(mc.connect(bundle, { channels: CHANNELS, whenFull: "sometimes" as "wait", wait: false }), code("INVALID", /whenFull/));
});

test("commands are carried out by a function that may be slow, refuse, or fail", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  const applied: number[] = [];
  const onCommand = async (channel: string, value: number): Promise<number | undefined> => {
    assert.equal(channel, "relay");
    if (value === 0) throw Object.assign(new Error("the door is open"), { code: "door_open" });
    await sleep(50);
    applied.push(value);
    return value;
  };
  await using device = await mc.connect(await server.enroll("home1.hem"), { channels: CHANNELS, onCommand, onRead: () => null });
  const done = await server.command("home1.hem.relay", 1, { id: "c1" });
  assert.deepEqual(done, { id: "c1", state: "done", readBack: 1 });
  assert.deepEqual(await server.command("home1.hem.relay", 0, { id: "c2" }), { id: "c2", state: "refused", code: "door_open", reason: "the door is open" });
  // The handler's failure is its own: rows go on.
  await device.send(at(1), { power: 1 });
  await device.flush();
  assert.deepEqual(applied, [1]);
});

test("rows measured now have the server's time, and its clock is known here", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  await using device = await mc.connect(await server.enroll("home1.hem"), { channels: CHANNELS });
  const { offset, uncertainty } = device.clockOffset ?? assert.fail("known after the welcome");
  assert.ok(Math.abs(offset) <= uncertainty + 1000 && uncertainty < 10_000);
  await device.sendNow({ power: 1 });
  await device.flush();
  const [row] = (await server.mem.query("home1.hem.power")).rows();
  assert.ok(Math.abs((row?.time.getTime() ?? 0) - Date.now()) < 60_000);
});

test("waiting can be given up, a refusal is an error, and closing is an end", async () => {
  const server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  const bundle = await server.enroll("home1.hem");
  await server.revoke("home1.hem");
  await assert.rejects(mc.connect(bundle, { channels: CHANNELS }), code("UNAUTHORIZED", /bad_credential/));
  await server.close();
  await assert.rejects(mc.connect(bundle, { channels: CHANNELS, signal: AbortSignal.timeout(100) }), { name: "TimeoutError" });
  const device = await mc.connect(bundle, { channels: CHANNELS, wait: false });
  assert.equal(device.clockOffset, undefined);
  await device.send(at(1), { power: 1 });
  await assert.rejects(device.flush({ signal: AbortSignal.timeout(50) }), { name: "TimeoutError" });
  const flushing = assert.rejects(device.flush(), code("CLOSED"));
  await device.close();
  await device.close();
  await flushing;
  await assert.rejects(device.send(at(2), { power: 1 }), code("CLOSED"));
  assert.equal(device.state.state, "closed");
});

test("a device keeps its process alive until it is closed, and no longer", async () => {
  const ended = await program(`
    import { serve, connect } from "memcore";
    const server = await serve(process.argv[1], { listen: "127.0.0.1:0" });
    const device = await connect(await server.enroll("home1.hem"), { channels: { power: { unit: "W" } }, onCommand: () => undefined });
    await device.sendNow({ power: 1 });
    await device.flush();
    await device.close();
    await server.close();
    console.log("closed");
  `, folder());
  assert.deepEqual([ended.code, ended.out, ended.error], [0, "closed\n", ""]);
});
