// What a router in an application must stand: answers that are long, clients that are slow or leave, bodies that are too large.
import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type RequestListener } from "node:http";
import { connect } from "node:net";
import { after, before, test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import * as mc from "memcore";
import { WebSocket } from "ws";
import { ANY_PORT, type Application, authenticate, FRAMEWORKS, listening, PREFIX, S } from "./frameworks.mjs";
import { folder } from "./support.mjs";

const ROWS = 200_000;
/** Different wishes that a server answers live at once, as docs/live.md says. */
const WISHES = 1024;
const MEGABYTE = 2 ** 20;
const LIVE = `${PREFIX}/api/v1/operators/local/live`;
const CSV = { headers: { accept: "text/csv" } };

let server: mc.Server;
let year: string;

// The server ends before its folder goes.
after(async () => server.close());
const site = folder();
before(async () => {
  server = await mc.serve(site, ANY_PORT);
  const times = BigInt64Array.from({ length: ROWS }, (_, at) => 1_700_000_000_000_000n + BigInt(at) * 1_000_000n);
  await server.mem.write("home1.meter.power", times, Float64Array.from(times, (_, at) => at / 7), { unit: "W" });
  year = `${S}/readings?series=meter.power&from=2023-01-01T00:00:00Z&to=2025-01-01T00:00:00Z`;
});

/** Asks on a connection of its own, waits for the first of the answer, and is left by destroying it. */
async function begun(url: string, headers: http.OutgoingHttpHeaders = {}): Promise<http.ClientRequest> {
  const request = http.get(url, { agent: false, headers });
  const [answer] = (await once(request, "response")) as [http.IncomingMessage];
  answer.on("error", () => undefined);
  const [first] = (await once(answer, "data")) as [Buffer];
  assert.equal(answer.statusCode, 200, first.toString());
  return request;
}

for (const [name, framework] of Object.entries(FRAMEWORKS)) {
  test(`${name}: a long answer comes whole, and waits for a client that is slow`, { timeout: 120_000 }, async () => {
    await using app = await framework(server);
    const whole = Buffer.from(await (await fetch(`${app.url}${year}`, CSV)).arrayBuffer());
    assert.equal(whole.toString("latin1").split("\n").length, ROWS + 2, "a head, the rows, and an end of line");
    assert.ok(whole.length > 8 * MEGABYTE);

    const before = process.memoryUsage().arrayBuffers;
    const socket = connect(Number(new URL(app.url).port), "127.0.0.1");
    socket.write(`GET ${year} HTTP/1.1\r\nhost: localhost\r\naccept: text/csv\r\nconnection: close\r\n\r\n`);
    await once(socket, "readable");
    await sleep(500);
    const held = process.memoryUsage().arrayBuffers - before;
    assert.ok(held < whole.length / 2, `${String(held)} bytes are held for a client that does not read`);
    let length = 0;
    for await (const chunk of socket) length += (chunk as Buffer).length;
    assert.ok(length > whole.length, `${String(length)} of ${String(whole.length)} bytes came`);
  });

  test(`${name}: clients that leave in the middle take their work with them`, { timeout: 120_000 }, async () => {
    await using app = await framework(server);
    // Two ways lead into memcore. On each, more come and go than there are places: one that stays would be missed in the end.
    const most = ["Hono", "node:http"].includes(name) ? WISHES + 100 : 100;
    for (let at = 0; at < most; at += 100) {
      const wish = (one: number): string => `${app.url}${LIVE}?topics=readings&series=home1.meter.c${String(at + one)}`;
      const views = await Promise.all(Array.from({ length: 100 }, (_, one) => begun(wish(one))));
      for (const one of views) one.destroy();
      await unconnected(app);
    }
    for (let at = 0; at < 10; at++) (await begun(`${app.url}${year}`, { accept: "text/csv", "accept-encoding": at % 2 === 0 ? "gzip" : "identity" })).destroy();
    const sockets = Array.from({ length: 20 }, () => new WebSocket(`${app.url.replace("http", "ws")}${LIVE}/socket`));
    await Promise.all(sockets.map((socket) => once(socket, "open")));
    for (const socket of sockets) socket.terminate();
    await unconnected(app);
    assert.equal((await fetch(`${app.url}${PREFIX}/api/v1/health`)).status, 200);
  });

  test(`${name}: a body that is too large is refused, and the next one is read`, async () => {
    await using app = await framework(server);
    const post = (body: string): Promise<Response> => fetch(`${app.url}${S}/commands`, { method: "POST", headers: { "content-type": "application/json" }, body });
    const refused = await post(JSON.stringify({ channel: "x".repeat(8 * MEGABYTE) }));
    assert.deepEqual([refused.status, ((await refused.json()) as { code: string }).code], [413, "LIMIT_REACHED"]);
    const read = await post(JSON.stringify({ channel: "x".repeat(MEGABYTE) }));
    assert.equal(read.status, 400);
    assert.ok((await read.text()).length < 1000, "what was wrong is quoted in short");
  });
}

test("two servers in one application keep to their paths, WebSockets too", async () => {
  await using south = await mc.serve(folder(), ANY_PORT);
  const [one, two] = [mc.createRouter(server, { prefix: "/north", authenticate }), mc.createRouter(south, { prefix: "/south", authenticate })];
  const application = express();
  application.use("/north", one);
  application.use("/south", two);
  const upgrade = Object.assign(one, { upgrade: either(one.upgrade, two.upgrade) });
  await using app = await listening(http.createServer(application as RequestListener), upgrade);
  const channels = async (place: string): Promise<number> => {
    const page = (await (await fetch(`${app.url}/${place}/api/v1/operators/local/sites/home1/channels`)).json()) as { items?: unknown[] };
    return page.items?.length ?? 0;
  };
  assert.deepEqual([await channels("north"), await channels("south")], [1, 0]);
  for (const place of ["north", "south"]) {
    const socket = new WebSocket(`${app.url.replace("http", "ws")}/${place}/api/v1/operators/local/live/socket`);
    const [first] = (await once(socket, "message")) as [Buffer];
    assert.match(first.toString(), /"topic":"hello"/);
    socket.close();
    await once(socket, "close");
  }
});

function either(...upgrades: mc.Router["upgrade"][]): mc.Router["upgrade"] {
  return (request, socket, head) => upgrades.some((upgrade) => upgrade(request, socket, head));
}

/** Waits until all who left are gone. */
async function unconnected(app: Application): Promise<void> {
  for (;;) {
    const count = await new Promise<number>((resolve) => {
      app.server.getConnections((_, connections) => {
        resolve(connections);
      });
    });
    if (count === 0) return;
    await sleep(20);
  }
}
