// The API and the page inside applications of a developer's own: Express, Fastify, Hono and plain node:http, each in process.
import assert from "node:assert/strict";
import { once } from "node:events";
import http, { type IncomingMessage, type RequestListener } from "node:http";
import { test } from "node:test";
import { setTimeout as sleep } from "node:timers/promises";
import express from "express";
import * as mc from "memcore";
import { WebSocket } from "ws";
import { ANY_PORT, type Application, authenticate, FRAMEWORKS, listening, PREFIX, S } from "./frameworks.mjs";
import { folder } from "./support.mjs";

const json = async (answer: Response): Promise<Record<string, unknown>> => (await answer.json()) as Record<string, unknown>;

for (const [name, framework] of Object.entries(FRAMEWORKS)) {
  test(`${name}: the API and the page below a path of the application, whose own routes go on`, async () => {
    await using server = await mc.serve(folder(), ANY_PORT);
    await using app = await framework(server);
    const health = await fetch(`${app.url}${PREFIX}/api/v1/health`);
    assert.deepEqual([health.status, (await json(health))["version"]], [200, mc.version]);
    assert.equal(await (await fetch(`${app.url}/own`)).text(), "own");
    const page = await fetch(`${app.url}${PREFIX}/`);
    assert.match(page.headers.get("content-type") ?? "", /text\/html/);
    assert.match(page.headers.get("content-security-policy") ?? "", /default-src 'self'/);
    assert.doesNotMatch(await page.text(), /(?:src|href)="\//, "what the page loads is named relative to it");
    const moved = await fetch(`${app.url}${PREFIX}?dark`, { redirect: "manual" });
    assert.deepEqual([moved.status, moved.headers.get("location")], [308, `${PREFIX}/?dark`]);
    const head = await fetch(`${app.url}${PREFIX}/api/v1/health`, { method: "HEAD" });
    assert.deepEqual([head.status, await head.text()], [200, ""]);
    const lost = await fetch(`${app.url}${PREFIX}/api/v1/nothing`);
    assert.deepEqual([lost.status, lost.headers.get("content-type")], [404, "application/problem+json"]);
  });

  test(`${name}: the application vouches for its users, and nobody else gets in`, async () => {
    await using server = await mc.serve(folder(), ANY_PORT);
    await using app = await framework(server);
    const ask = (who: string, path = "/api/v1/session"): Promise<Response> => fetch(`${app.url}${PREFIX}${path}`, { headers: { "x-who": who } });
    const session = await json(await ask("ada"));
    assert.deepEqual([session["user"], session["via"], session["roles"]], ["ada", "host", { "*": "admin" }]);
    assert.equal((await ask("viewer", "/api/v1/audit")).status, 403);
    assert.equal((await ask("nobody")).status, 401);
    const trouble = await ask("trouble");
    assert.equal(trouble.status, 500);
    assert.equal((await ask("ada")).status, 200, "one failure is one request's");
    const forged = await fetch(`${app.url}${S}/commands`, { method: "POST", headers: { "sec-fetch-site": "cross-site", "content-type": "application/json" }, body: "{}" });
    assert.equal(forged.status, 403, "another site's page made the browser ask");
  });

  test(`${name}: a body goes up as it comes, and a command comes down`, async () => {
    await using server = await mc.serve(folder(), ANY_PORT);
    await using street = await mc.simulate(server, { devices: 3, speed: 1, step: "100ms" });
    await using app = await framework(server);
    const sent = await fetch(`${app.url}${S}/commands`, {
      method: "POST",
      headers: { "content-type": "application/json" },
      body: JSON.stringify({ channel: "battery.power", value: -2000, lease: "1m", fallback: 0 }),
    });
    const command = await json(sent);
    assert.equal(sent.status, 202, JSON.stringify(command));
    const ended = await json(await fetch(`${app.url}${S}/commands/${String(command["id"])}?wait=10s`));
    assert.equal(ended["value"], -2000);
    const [entry] = await server.audit({ kind: "command" });
    assert.match(entry?.by ?? "", /ada/);

    const rows = Array.from({ length: 50_000 }, (_, at) => `${new Date(1_700_000_000_000 + at * 1000).toISOString()},${String(at)}\n`);
    const file = ["time,power [W]\n", ...rows].join("");
    const upload = await fetch(`${app.url}${S}/imports?name=old.csv&device=meter`, { method: "POST", body: file, headers: { "content-type": "application/octet-stream" } });
    let progress = await json(upload);
    assert.equal(upload.status, 202, JSON.stringify(progress));
    while (!["done", "failed"].includes(String(progress["state"]))) {
      await sleep(50);
      progress = await json(await fetch(`${app.url}${S}/imports/${String(progress["id"])}`));
    }
    assert.deepEqual([progress["state"], progress["rows"], progress["bytes"]], ["done", 50_000, Buffer.byteLength(file)], JSON.stringify(progress));
    await street.stop();
  });

  test(`${name}: events are streamed as they happen, until the reader goes`, async () => {
    await using server = await mc.serve(folder(), ANY_PORT);
    await using street = await mc.simulate(server, { devices: 2, speed: 1, step: "100ms" });
    await using app = await framework(server);
    const leaving = new AbortController();
    const live = await fetch(`${app.url}${PREFIX}/api/v1/operators/local/live?topics=readings`, { signal: leaving.signal });
    assert.equal(live.headers.get("content-type"), "text/event-stream");
    let seen = "";
    for await (const chunk of live.body ?? []) {
      seen += Buffer.from(chunk as Uint8Array).toString();
      if (seen.includes("event: readings")) break;
    }
    assert.match(seen, /^event: hello/m);
    assert.match(seen, /home1\./);
    leaving.abort();
    await listeners(app, 0);
    await street.stop();
  });

  test(`${name}: a WebSocket, and one that is refused`, async () => {
    await using server = await mc.serve(folder(), ANY_PORT);
    await using street = await mc.simulate(server, { devices: 2, speed: 1, step: "100ms" });
    await using app = await framework(server);
    const url = `${app.url.replace("http", "ws")}${PREFIX}/api/v1/operators/local/live/socket?topics=readings`;
    const socket = new WebSocket(url);
    const topics = new Set<string>();
    for await (const [data] of on(socket)) {
      topics.add((JSON.parse(data) as { topic: string }).topic);
      if (topics.has("readings")) break;
    }
    socket.close();
    await once(socket, "close");
    const refused = new WebSocket(url, { headers: { "x-who": "nobody" } });
    const [, answer] = (await once(refused, "unexpected-response")) as [unknown, IncomingMessage];
    assert.equal(answer.statusCode, 401);
    answer.destroy();
    const elsewhere = new WebSocket(`${app.url.replace("http", "ws")}/other`);
    await once(elsewhere, "error");
    await street.stop();
  });

  test(`${name}: closing the server ends what runs, and what comes later is told`, async () => {
    await using server = await mc.serve(folder(), ANY_PORT);
    await using app = await framework(server);
    const live = await fetch(`${app.url}${PREFIX}/api/v1/operators/local/live?topics=readings`);
    const socket = new WebSocket(`${app.url.replace("http", "ws")}${PREFIX}/api/v1/operators/local/live/socket`);
    await once(socket, "open");
    const ends = Promise.allSettled([live.text(), once(socket, "close")]);
    await server.close();
    await ends;
    const late = await fetch(`${app.url}${PREFIX}/api/v1/health`);
    assert.deepEqual([late.status, (await json(late))["code"]], [503, "CLOSED"]);
    assert.equal(await (await fetch(`${app.url}/own`)).text(), "own", "the application itself goes on");
  });
}

/** Waits until the application has so many connections with a request under way. */
async function listeners(app: Application, expected: number): Promise<void> {
  for (;;) {
    const count = await new Promise<number>((resolve) => {
      app.server.getConnections((_, connections) => {
        resolve(connections);
      });
    });
    if (count <= expected + 1) return;
    await sleep(20);
  }
}

/** The messages of a socket as text. */
async function* on(socket: WebSocket): AsyncGenerator<[string]> {
  const waiting: string[] = [];
  let wake = (): void => undefined;
  socket.on("message", (data: Buffer) => {
    waiting.push(data.toString());
    wake();
  });
  for (;;) {
    const next = waiting.shift();
    if (next !== undefined) yield [next];
    else await new Promise<void>((resolve) => (wake = resolve));
  }
}

test("Express: a body that was read already is handed on, and errors reach the application's own handler", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const app = express();
  app.use(express.json());
  app.use(PREFIX, mc.createRouter(server, { authenticate }));
  app.use((error: Error, _request: express.Request, response: express.Response, next: express.NextFunction) => {
    if (response.headersSent) next(error);
    else response.status(418).send(error.message);
  });
  await using running = await listening(http.createServer(app as RequestListener), mc.createRouter(server, { prefix: PREFIX }));
  const trouble = await fetch(`${running.url}${PREFIX}/api/v1/session`, { headers: { "x-who": "trouble" } });
  assert.deepEqual([trouble.status, await trouble.text()], [418, "the table of users is gone"]);
  const read = await fetch(`${running.url}${PREFIX}/api/v1/tokens`, {
    method: "POST",
    headers: { "content-type": "application/json", "x-who": "nobody" },
    body: JSON.stringify({ name: "meter", scopes: ["read"] }),
  });
  assert.equal(read.status, 401, "it came through to be judged");
});

test("Fastify: the application's own bodies are read as before", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  await using app = await FRAMEWORKS.Fastify(server);
  const own = await fetch(`${app.url}/own`, { method: "POST", headers: { "content-type": "application/json" }, body: '{"a":1}' });
  assert.deepEqual(await own.json(), { a: 1 });
});

test("fetch: what a framework has stripped of its prefix is taken as it is", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  const router = mc.createRouter(server, { prefix: PREFIX });
  const health = await router.fetch(new Request("http://localhost/api/v1/health"));
  assert.deepEqual([health.status, (await json(health))["version"]], [200, mc.version]);
});

test("what is mounted wrongly is refused with the option's name", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  assert.throws(() => mc.createRouter({} as never), { code: "INVALID", message: /server is an object/ });
  assert.throws(() => mc.createRouter(server, { prefix: "energy" }), { code: "INVALID", message: /prefix is "energy"/ });
  assert.throws(() => mc.createRouter(server, { autenticate: authenticate } as object), { code: "INVALID", message: /"autenticate".*authenticate/ });
  await using app = await FRAMEWORKS["node:http"](server, { authenticate: () => ({ user: "ada", roles: { "*": "chief" as mc.Role } }) });
  const answer = await fetch(`${app.url}${PREFIX}/api/v1/session`);
  assert.equal(answer.status, 500);
});

test("a client that stops in the middle of a body leaves nothing behind", async () => {
  await using server = await mc.serve(folder(), ANY_PORT);
  await using app = await FRAMEWORKS["node:http"](server);
  const request = http.request(`${app.url}${S}/imports?name=half.csv&device=meter`, { method: "POST", headers: { "content-length": "1000000", "content-type": "application/octet-stream" } });
  request.on("error", () => undefined);
  request.write("time,power [W]\n2024-01-01T00:00:00Z,1\n");
  await sleep(100);
  request.destroy();
  const list = async (): Promise<string[]> => {
    const page = await json(await fetch(`${app.url}${S}/imports`));
    return ((page["items"] ?? []) as { state: string }[]).map((one) => one.state);
  };
  while ((await list()).some((state) => state === "receiving" || state === "running")) await sleep(20);
  assert.ok(!(await list()).includes("done"), "half a file is not taken for a whole one");
  assert.equal((await server.mem.query(">")).length, 0);
});
