// REST and the page of a server in this process, used as a user would: from the first start's link to a command.
import assert from "node:assert/strict";
import { test } from "node:test";
import * as mc from "memcore";
import { folder } from "./support.mjs";

const HTTP = { listen: "127.0.0.1:0", http: "127.0.0.1:0" };
const json = async (answer: Response): Promise<Record<string, unknown>> => (await answer.json()) as Record<string, unknown>;

test("the first start's link makes an admin, whose token steers a battery", async () => {
  await using server = await mc.serve(folder(), HTTP);
  await using street = await mc.simulate(server, { devices: 3, speed: 1, step: "100ms" });
  const url = server.httpUrl ?? "";
  const link = (await server.firstLink()) ?? "";
  assert.ok(link.startsWith(`${url}#/invitation/`), link);
  const made = await fetch(`${url}api/v1/invitations/${link.split("/").at(-1) ?? ""}`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ user: "ada", password: "correct horse battery staple" }),
  });
  assert.equal(made.status, 200, await made.text());
  assert.equal(await server.firstLink(), null);
  const { secret } = await server.accounts.createToken("ada", "script", { scopes: ["read", "command"] });
  const headers = { authorization: `Bearer ${String(secret)}`, "content-type": "application/json" };
  const body = JSON.stringify({ channel: "battery.power", value: -2000, lease: "1m", fallback: 0 });
  const sent = await fetch(`${url}api/v1/operators/local/sites/home1/commands`, { method: "POST", headers, body });
  assert.equal(sent.status, 202, await sent.clone().text());
  const command = await json(sent);
  const done = await json(await fetch(`${url}api/v1/operators/local/sites/home1/commands/${String(command["id"])}?wait=10s`, { headers }));
  assert.deepEqual([done["value"], done["unit"]], [-2000, "W"]);
  await street.stop();
});

test("without being asked for there is no HTTP, and a place that is taken is said", async () => {
  await using server = await mc.serve(folder(), HTTP);
  const taken = new URL(server.httpUrl ?? "").host;
  const site = folder();
  await assert.rejects(mc.serve(site, { ...HTTP, http: taken }), { code: "IO", message: new RegExp(taken) });
  await using quiet = await mc.serve(site, { listen: "127.0.0.1:0" });
  assert.deepEqual([quiet.httpUrl, await quiet.firstLink()], [null, null]);
  await assert.rejects(mc.serve(folder(), { ...HTTP, http: 8080 as unknown as string }), { code: "INVALID", message: /http is 8080/ });
});

test("accounts and alarms are at hand without HTTP", async () => {
  await using server = await mc.serve(folder(), { listen: "127.0.0.1:0" });
  assert.match(String((await server.accounts.invite("ada", { local: "engineer" }))["link"]), /#\/invitation\//);
  assert.deepEqual((await server.accounts.users()).map((user) => user["user"]), ["ada"]);
  const { token } = (await server.accounts.createToken("ada", "script")) as { token: { id: string } };
  await server.accounts.revokeToken("ada", token.id);
  assert.deepEqual(await server.accounts.tokens("ada"), []);
  await server.accounts.change("ada", { disabled: true });
  await server.accounts.remove("ada");
  await assert.rejects(server.accounts.remove("ada"), { code: "NOT_FOUND" });

  const watch = { kind: "offline", devices: "home1.*", after: "1h" };
  const rule = await server.alarms.addRule({ name: "gone", severity: "warning", watch });
  assert.ok((await server.alarms.rules()).some((known) => known["id"] === rule["id"]));
  await server.alarms.removeRule(String(rule["id"]));
  assert.deepEqual(await server.alarms.find({ state: "raised" }), []);
  await assert.rejects(server.alarms.acknowledge("none"), { code: "NOT_FOUND" });
  await assert.rejects(server.alarms.find({ stat: "raised" } as object), { code: "INVALID", message: /"stat".*state/ });
  assert.deepEqual(await server.pastEvents({ limit: 1 }).then((events) => events.length <= 1), true);
  assert.deepEqual(await server.ask("GET", "/health"), { status: "ok", version: mc.version });
});

test("closing ends HTTP before the server", async () => {
  const server = await mc.serve(folder(), HTTP);
  const url = server.httpUrl ?? "";
  await server.close();
  await assert.rejects(fetch(`${url}api/v1/health`));
  await assert.rejects(server.ask("GET", "/health"), { code: "CLOSED" });
});
