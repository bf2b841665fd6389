// What is said wrongly to accounts and alarms is refused with the field, the value and what was expected.
import assert from "node:assert/strict";
import { after, before, test } from "node:test";
import { inspect } from "node:util";
import * as mc from "memcore";
import { folder } from "./support.mjs";

type Call = (value: never) => Promise<unknown>;

const HUGE = "x".repeat(10_000_000);
const HALF = "\ud800";
/** Longer than any message needs to be, whatever was said. */
const MESSAGE_MAX = 500;
const WATCH = { kind: "threshold", series: "home1.*.power", above: 9000 };
const HOOK = { kind: "webhook", name: "hook", url: "https://example.org/in", secret: "0123456789abcdef" } as const;
// What cannot be a name the core calls a name, whatever it is of.
const NAMES = [5, null, undefined, ["ada"], {}, "", HUGE, HALF];
const TEXTS = [5, ["x"], {}, HUGE, HALF, NaN, null];

let server: mc.Server;
// The server ends before its folder goes.
after(async () => server.close());
const site = folder();
before(async () => {
  server = await mc.serve(site, { listen: "127.0.0.1:0" });
  await server.accounts.invite("ada", { "*": "admin" });
});

/** A call that takes one value, the field as messages name it, and values that are wrong in its place. */
function calls(): Record<string, [Call, RegExp, unknown[]]> {
  const { accounts, alarms } = server;
  const rule = (change: object): Promise<unknown> => alarms.addRule({ name: "r", severity: "info", watch: WATCH, ...change });
  const watch = (change: object): Promise<unknown> => rule({ watch: { ...WATCH, ...change } });
  return {
    "invite user": [(v) => accounts.invite(v, { "*": "viewer" }), /user/, [...NAMES, "A B", "x".repeat(65)]],
    "invite roles": [(v) => accounts.invite("eve", v), /role|operator/, [5, "admin", null, undefined, [], { "*": "chief" }, { "a b": "viewer" }, { "*": 5 }, { "*": HUGE }]],
    "invite displayName": [(v) => accounts.invite("eve", {}, { displayName: v }), /display_?[nN]ame/, [...TEXTS, "", "x".repeat(300), "a\nb"]],
    "invite options": [(v) => accounts.invite("eve", {}, v), /option/, [5, "Eve", null, [], { display_name: "Eve" }]],
    "change user": [(v) => accounts.change(v, { disabled: true }), /user/, NAMES],
    "change what": [(v) => accounts.change("ada", v), /option|role|disabled|reset/, [5, null, undefined, { role: {} }, { roles: { "*": "chief" } }, { disabled: "yes" }, { reset: 1 }]],
    "remove user": [(v) => accounts.remove(v), /user/, NAMES],
    "tokens user": [(v) => accounts.tokens(v), /user|by/, [...NAMES, "A B"]],
    "token user": [(v) => accounts.createToken(v, "script"), /user|by/, [...NAMES, "A B"]],
    "token name": [(v) => accounts.createToken("ada", v), /name/, [...TEXTS, undefined, "", "x".repeat(300)]],
    "token scopes": [(v) => accounts.createToken("ada", "script", { scopes: v }), /scope/, [5, null, "read", {}, [], ["everything"], [5], [HUGE]]],
    "token operators": [(v) => accounts.createToken("ada", "script", { operators: v }), /operator/, [5, null, "local", [], [5], [HUGE], Array.from({ length: 300 }, (_, at) => `o${String(at)}`)]],
    "token expires": [
      (v) => accounts.createToken("ada", "script", { expires: v }),
      /expires/,
      [null, "soon", "", "0s", "-1d", 0, -5, NaN, Infinity, new Date(0), "2020-01-01T00:00:00Z", `${"9".repeat(30)}d`],
    ],
    "revoke token": [(v) => accounts.revokeToken("ada", v), /token/, NAMES],
    "find state": [(v) => alarms.find({ state: v }), /state/, [5, null, "raise", "", HUGE, HALF]],
    "find severity": [(v) => alarms.find({ severity: v }), /severity/, ["bad", [], HUGE]],
    "find site": [(v) => alarms.find({ site: v }), /site/, ["a b", "", [], HUGE]],
    "find limit": [(v) => alarms.find({ limit: v }), /limit/, [0, -1, "5", 1.5, null, NaN, Infinity]],
    "find operator": [(v) => alarms.find({ operator: v }), /operator|name/, [5, null, "", HUGE, HALF, "a b"]],
    "subscribe operator": [(v) => Promise.resolve(alarms.subscribe({ operator: v })), /operator|name/, [5, null, "", HUGE, HALF, "a b"]],
    "acknowledge alarm": [(v) => alarms.acknowledge(v), /alarm|name/, [...NAMES, "a b"]],
    "acknowledge note": [(v) => alarms.acknowledge("none", { note: v }), /note/, [5, null, ["x"], HUGE, "x".repeat(1001)]],
    "acknowledge by": [(v) => alarms.acknowledge("none", { by: v }), /by/, [5, null, "", "A B", HUGE]],
    "rule itself": [(v) => alarms.addRule(v), /option|severity|watch|name/, [5, null, undefined, {}, { name: "r" }, { name: "r", severity: "info" }, { name: "r", severity: "info", watch: WATCH, nmae: "x" }]],
    "rule name": [(v) => rule({ name: v }), /name/, [...TEXTS, undefined, "", " ", "x".repeat(121), "a\nb"]],
    "rule severity": [(v) => rule({ severity: v }), /severity/, ["bad", 5, null, undefined, HUGE]],
    "rule enabled": [(v) => rule({ enabled: v }), /enabled/, ["yes", 1, null]],
    "rule watch": [(v) => rule({ watch: v }), /watch/, [5, "threshold", null, undefined, [], {}, { kind: "sound" }, new Map()]],
    "rule series": [(v) => watch({ series: v }), /series/, [5, null, undefined, "", "home1..power", "other/home1.*.power", "a b", HUGE, "home1.*.power{quantity=loudness}"]],
    "rule above": [(v) => watch({ above: v }), /above/, [NaN, Infinity, -Infinity, "9", null, undefined, [9], 9n, new Date(), () => 9, Symbol("9")]],
    "rule below": [(v) => watch({ below: v }), /below/, [9000, 1e9, NaN]],
    "rule unit": [(v) => watch({ unit: v }), /unit/, [5, "", "kilowatt", HUGE]],
    "rule margin": [(v) => watch({ clear_margin: v }), /clear_margin/, [-1, NaN, "1"]],
    "rule for": [(v) => watch({ for: v }), /for/, [5, "soon", "", "-5m", "400d", HUGE]],
    "rule quantity": [(v) => watch({ quantity: v }), /quantity/, ["loudness", 5]],
    "rule notify": [(v) => rule({ notify: v }), /notify/, [5, "id", null, ["unknown"], ["a b"], [5], [HUGE], {}]],
    "rule quiet": [
      (v) => rule({ quiet: v }),
      /quiet/,
      [5, "night", [], {}, { from: "22:00", to: "07:00", zone: "Mars/Olympus" }, { from: "22:00", to: "22:00", zone: "UTC" }, { from: 22, to: 7, zone: "UTC" }, { from: "22:00", to: "07:00", zone: "UTC", until: "x" }],
    ],
    "rule remind": [(v) => rule({ remind: v }), /remind/, ["soon", "1s", "", "900d", -5, NaN, {}]],
    "change rule": [(v) => alarms.changeRule(v, { enabled: false }), /rule|name/, [...NAMES, "a b"]],
    "change rule what": [(v) => alarms.changeRule("device-offline", v), /option|watch|severity/, [5, null, undefined, { watch: WATCH }, { watch: { kind: "offline" } }, { severity: "bad" }, { id: "x" }]],
    "remove rule": [(v) => alarms.removeRule(v), /rule|name/, [...NAMES, "a b"]],
    "notifier itself": [(v) => alarms.addNotifier(v), /option|kind|to|url|smtp|name/, [5, null, undefined, {}, { kind: "pigeon", name: "n" }, { kind: "email", name: "n" }, { kind: "email", name: "n", to: ["a@example.org"] }, { ...HOOK, to: [] }]],
    "notifier url": [(v) => alarms.addNotifier({ ...HOOK, url: v }), /url/, [5, null, "", "nowhere", "http://example.org/", "https://127.0.0.1/", "https://[::1]/", "ftp://x/", HUGE]],
    "notifier secret": [(v) => alarms.addNotifier({ ...HOOK, secret: v }), /secret/, [5, null, "", "short", HUGE]],
    "change notifier": [(v) => alarms.changeNotifier(v, HOOK), /notifier|id|name/, [...NAMES, "a b"]],
    "test notifier": [(v) => alarms.testNotifier(v), /notifier|id|name/, [...NAMES, "a b"]],
    "remove notifier": [(v) => alarms.removeNotifier(v), /notifier|id|name/, [...NAMES, "a b"]],
    "events kind": [(v) => server.pastEvents({ kind: v }), /kind/, [5, "explosion", "", HUGE]],
    "events since": [(v) => server.pastEvents({ since: v }), /since|time/, ["soon", 1.5, [], null, new Date(NaN)]],
    "ask method": [(v) => server.ask(v, "/health"), /method/, [5, null, "", "GE T"]],
    "ask target": [(v) => server.ask("GET", v), /target/, [5, null, HUGE, "/é à"]],
    "ask body": [(v) => server.ask("POST", "/users", v), /body|user/, [5, [1], "x", {}, { user: 5n }, { user: HUGE }, { user: NaN }, new Map()]],
    "ask by": [(v) => server.ask("GET", "/health", undefined, { by: v }), /by/, [5, null, "", "A B", HUGE]],
  };
}

function quoted(value: unknown): string {
  return inspect(value, { maxStringLength: 60, maxArrayLength: 3, breakLength: Infinity });
}

test("what is wrong is named", async () => {
  const faults: string[] = [];
  for (const [about, [call, field, values]] of Object.entries(calls())) {
    for (const value of values) {
      const what = `${about} ${quoted(value)}`;
      try {
        await call(value as never);
        faults.push(`${what}: taken`);
      } catch (error) {
        const { message } = error as Error;
        const known = error instanceof mc.InvalidError || error instanceof mc.LimitReachedError || error instanceof mc.NotFoundError;
        if (!known) faults.push(`${what}: threw ${String(error).slice(0, 200)}`);
        else if (!field.test(message)) faults.push(`${what}: ${error.code}: ${message.slice(0, 200)}`);
        if (message.length > MESSAGE_MAX) faults.push(`${what}: ${String(message.length)} characters`);
      }
    }
  }
  assert.deepEqual(faults, [], faults.join("\n"));
  // Nothing of all that was taken by halves.
  assert.deepEqual((await server.accounts.users()).map((user) => user["user"]), ["ada"]);
  assert.deepEqual(await server.accounts.tokens("ada"), []);
  assert.ok((await server.alarms.rules()).every((known) => known["built_in"] === true));
  assert.deepEqual(await server.alarms.notifiers(), []);
});

test("whatever is said is taken or refused, and nothing else is thrown", async () => {
  const odd = [null, undefined, true, 0, -1, 2 ** 70, 5n, 1.5, NaN, "", " ", "\0", "a/b", "../x", "%2F", "\u202e", HALF, "🔋".repeat(40), [], [[]], {}, { "": "" }, { kind: [] }, [null], new Date(0), new Map(), Symbol("x"), () => 1];
  const every = Object.values(calls());
  // The same each time: a linear congruential generator.
  let state = 7;
  const chance = (most: number): number => {
    state = (state * 1_103_515_245 + 12_345) % 2 ** 31;
    return Math.floor((state / 2 ** 31) * most);
  };
  for (let round = 0; round < 600; round++) {
    const [call] = every[chance(every.length)] ?? [];
    const value = odd[chance(odd.length)];
    try {
      await call?.((chance(5) === 0 ? [value] : value) as never);
    } catch (error) {
      assert.ok(error instanceof mc.MemcoreError && error.code !== "INTERNAL", `${quoted(value)}: ${String(error)}`);
    }
  }
});
