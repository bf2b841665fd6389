// HEM boards from Node: an emulated one is polled as a device, and an app of old is answered by memcore.
import assert from "node:assert/strict";
import { createSocket } from "node:dgram";
import { once } from "node:events";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import * as mc from "memcore";
import { folder } from "./support.mjs";

interface Reply {
  NODE: string;
  TYPE: string;
  VALUE: number[];
}

/** As apps do it: one datagram out, one in; nothing where none comes in a second. */
async function ask(address: string, request: string): Promise<Reply | undefined> {
  const [host, port] = address.split(":");
  const app = createSocket("udp4");
  try {
    app.send(request, Number(port), host);
    const [reply] = (await once(app, "message", { signal: AbortSignal.timeout(1000) })) as [Buffer];
    assert.ok(reply.length <= 256);
    return JSON.parse(reply.toString()) as Reply;
  } catch (thrown) {
    if ((thrown as Error).name === "AbortError") return undefined;
    throw thrown;
  } finally {
    app.close();
  }
}

test("a board is a device, and apps of old are answered", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  await using emulated = await mc.HemEmulator.start({ listen: "127.0.0.1:0", step: "100ms" });
  const bundle = await server.enroll("home1.hem");
  const board = await mc.HemBoard.connect(emulated.address, bundle, { every: "200ms", quantities: ["power", "switch"] });
  assert.equal(board.state, "answering");
  const done = await server.command("home1.hem.node3.switch", 1);
  assert.deepEqual({ ...done, id: "" }, { id: "", state: "done", readBack: 1 });
  assert.deepEqual(await ask(emulated.address, "api/getnodestatus/3"), { NODE: "3", TYPE: "NODESTATUS", VALUE: [1] });

  const endpoint = await server.serveHem("home1.hem", { listen: "127.0.0.1:0" });
  let power: Reply | undefined;
  for (let turn = 0; turn < 30 && power === undefined; turn++) power = await ask(endpoint.address, "api/getdcpower/all");
  assert.equal(power?.TYPE, "DCPOWER");
  assert.equal(power.VALUE.length, 8);
  assert.deepEqual(await ask(endpoint.address, "/api/turnoff/3"), { NODE: "3", TYPE: "NODESTATUS", VALUE: [0] });
  await endpoint.close();
  await endpoint.close();
  assert.equal(await ask(endpoint.address, "api/getdcpower/all"), undefined);
  await board.close();
  assert.equal(board.state, "closed");
  assert.deepEqual(await ask(emulated.address, "api/getnodestatus/3"), { NODE: "3", TYPE: "NODESTATUS", VALUE: [0] });
});

test("what cannot be is rejected by name", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  const bundle = await server.enroll("home1.hem");
  await assert.rejects(mc.HemEmulator.start({ listen: "0.0.0.0:0" }), { code: "INVALID", message: /allow_network/ });
  await assert.rejects(server.serveHem("home9.hem", { listen: "127.0.0.1:0" }), { code: "NOT_FOUND", message: /home9\.hem/ });
  await assert.rejects(server.serveHem("home1.hem", { listen: "nowhere" }), { code: "INVALID", message: /listen is "nowhere"/ });
  await assert.rejects(mc.HemBoard.connect("127.0.0.1", bundle, { every: "10ms" }), { code: "INVALID", message: /every is 10ms/ });
  const smell = ["smell"] as unknown as mc.HemQuantity[];
  await assert.rejects(mc.HemBoard.connect("127.0.0.1", bundle, { quantities: smell }), { code: "INVALID", message: /smell/ });
});

test("a board that is away is waited for, or not", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  const bundle = await server.enroll("home1.hem");
  const board = await mc.HemBoard.connect("127.0.0.1:9", bundle, { wait: false });
  await sleep(50);
  assert.equal(board.state, "seeking");
  await board.close();
  assert.equal(board.state, "closed");
});
