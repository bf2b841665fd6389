// A made-up street for the tests of views: answers of the API, from a hostile operator who gives everything a name that is markup.

import { access, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Page, Route } from "@playwright/test";

export const XSS = '<img src=x onerror="window.__hit=1">';
const US = 1e6;
const now = () => Date.now() * 1e3;

type Json = Record<string, unknown>;
export type Roles = Record<string, string>;

/** What a test changes of the street, and what it was sent. */
export interface Street {
  roles: Roles;
  /** Answers in place of the usual ones: by method and path within the API, `GET /tokens`. */
  answers: Record<string, { status: number; body: unknown }>;
  sent: { method: string; path: string; query: string; body: unknown; headers: Record<string, string> }[];
  offline: boolean;
}

const POLICY = "default-src 'self'; img-src 'self' data:; style-src 'self'; script-src 'self'; connect-src 'self'; object-src 'none'; base-uri 'none'; frame-ancestors 'none'";
const TYPES: Record<string, string> = { html: "text/html", js: "text/javascript", css: "text/css", svg: "image/svg+xml" };
const DIST = join(import.meta.dirname, "..", "dist");

/** Opens the built page at an address, with the street behind it. */
export async function open(page: Page, hash: string, change: Partial<Street> = {}): Promise<Street> {
  const street: Street = { roles: { "*": "admin" }, answers: {}, sent: [], offline: false, ...change };
  await access(join(DIST, "index.html")).catch(() => { throw new Error("the page is not built: npm run build"); });
  await page.route("http://localhost/**", (route) => serve(route, street));
  await page.goto(`http://localhost/${hash}`);
  return street;
}

async function serve(route: Route, street: Street): Promise<void> {
  const url = new URL(route.request().url());
  if (!url.pathname.startsWith("/api/v1/")) return file(route, url.pathname);
  if (street.offline) return route.abort("connectionrefused");
  const path = url.pathname.slice("/api/v1".length);
  if (path.endsWith("/live")) return;
  const method = route.request().method();
  const body: unknown = route.request().headers()["content-type"]?.includes("json") ? route.request().postDataJSON() : null;
  if (method !== "GET") street.sent.push({ method, path, query: url.search, body, headers: route.request().headers() });
  const own = street.answers[`${method} ${path}${url.search}`] ?? (url.searchParams.get("state") === "acknowledged" ? undefined : street.answers[`${method} ${path}`]);
  const { status, body: answer } = own ?? answerOf(method, path, url.searchParams, street);
  await route.fulfill({ status, headers: { etag: '"tag"' }, contentType: status < 400 ? "application/json" : "application/problem+json", body: status === 204 ? "" : JSON.stringify(answer) });
}

async function file(route: Route, path: string): Promise<void> {
  const name = path === "/" ? "index.html" : path;
  const body = await readFile(join(DIST, name)).catch(() => null);
  if (body === null) return route.fulfill({ status: 404, body: "" });
  await route.fulfill({ status: 200, body, headers: { "content-security-policy": POLICY, "content-type": TYPES[name.split(".").at(-1) ?? ""] ?? "application/octet-stream" } });
}

function answerOf(method: string, path: string, query: URLSearchParams, street: Street): { status: number; body: unknown } {
  if (path === "/session") return { status: 200, body: { user: "ada", display_name: `Ada ${XSS}`, roles: street.roles, via: "session", csrf: "token", expires_us: now() + 8 * 3600 * US, version: "0.1.0" } };
  if (method === "GET" && path.endsWith("/alarms") && query.get("state") === "acknowledged") return { status: 200, body: list([]) };
  if (method === "DELETE" && path.endsWith("/control/proposals")) return { status: 200, body: { withdrawn: 1 } };
  const found = FIXED[`${method} ${path}`]?.();
  if (found !== undefined) return { status: method === "POST" ? 201 : method === "DELETE" ? 204 : 200, body: found };
  return { status: 404, body: { status: 404, title: "Not found", detail: `the street has no ${method} ${path}`, code: "NOT_FOUND", field: null } };
}

const list = (items: unknown[]) => ({ items, next: null });
const SITE = "/operators/local/sites/home1";

const device = (at: number): Json => {
  const health = at % 41 === 7 ? "offline" : at % 29 === 3 ? "stale" : at % 97 === 11 ? "never" : "ok";
  const name = at === 0 ? "battery" : at === 1 ? "pv" : `meter${String(at)}`;
  return {
    device: name, name: `home1.${name}`, connected: health === "ok", health, last_seen_us: health === "never" ? null : now() - (health === "ok" ? 2 : 5000) * US, channels: 8, points: 120_000 + at,
    rate: at % 5 === 0 ? { points_per_s: 50, burst: 200 } : null, enrolled: true, proofs: [{ id: `p${String(at)}`, kind: at % 2 ? "certificate" : "secret", since_us: now() - 86400e6 * 30, until_us: null }],
  };
};

const channel = (deviceName: string, name: string, more: Json): Json => ({
  series: `home1.${deviceName}.${name}`, device: deviceName, channel: name, quantity: "power", unit: "W", kind: "gauge", sign: "passive", labels: {}, writable: false, range: null, cadence_us: US, max_age_us: 60 * US,
  rules: {}, latest: { time_us: now() - 2 * US, value: 1466 }, stale: false, ...more,
});

const CHANNELS = () => [
  channel("battery", "power", { writable: true, range: { low: -5000, high: 5000 }, rules: { fallback: 0, ramp_per_s: 2500 }, labels: { name: `Cellar ${XSS}` } }),
  channel("battery", "soc", { quantity: "state_of_charge", unit: "1", latest: { time_us: now() - 700 * US, value: 0.62 }, stale: true }),
  channel("boiler", "relay", { quantity: "switch", unit: "on/off", kind: "state", writable: true, range: { low: 0, high: 1 }, rules: { min_on_us: 300 * US }, latest: { time_us: now() - US, value: 0 } }),
];

export const COMMAND: Json = {
  id: "c1", series: "home1.battery.power", device: "battery", value: -2000, unit: "W", lease_us: 900 * US, fallback: 0, safety: false, by: `ada ${XSS}`, issued_us: Date.now() * 1e3 - 60 * US, expires_us: Date.now() * 1e3 - 30 * US,
  state: "done", ended: true, ended_us: Date.now() * 1e3 - 59 * US, read_back: -1990, code: null, reason: null, stands: true, lease_ends_us: Date.now() * 1e3 + 840 * US, steered: null,
};

const COMMANDS = () => [
  { ...COMMAND, lease_ends_us: now() + 840 * US },
  { ...COMMAND, id: "c2", series: "home1.boiler.relay", device: "boiler", unit: "on/off", value: 1, lease_us: null, fallback: null, state: "refused", code: "min_off", reason: `it rests for 4 more minutes ${XSS}`, read_back: null, stands: false, lease_ends_us: null, issued_us: now() - 3600 * US },
  { ...COMMAND, id: "c3", state: "unknown", read_back: null, stands: false, lease_ends_us: null, issued_us: now() - 7200 * US, by: "planner" },
];

const CONTROL = () => ({
  time_us: now(), site: "home1", zone: "Europe/Berlin", enabled: true, tick_us: US, lease_us: 60 * US, ticks: {},
  assets: [
    { asset: "grid", role: "grid_meter", measured_w: 812, age_us: US, fresh: true, soc: null, decided_w: null },
    { asset: "pv", role: "pv", measured_w: -4210, age_us: US, fresh: true, decided_w: -7000, order: { state: "done" } },
    { asset: "battery", role: "battery", measured_w: 1980, age_us: US, fresh: true, soc: 0.62, decided_w: 2000, wish: { actor: "planner", priority: 50, power_w: 5000, reason: `price is low until 06:00 ${XSS}` }, limited_by: ["circuit garage (18.2 of 19 A on L1)"], order: { state: "done", read_back: 1990 } },
    { asset: "charger", role: "charger", measured_w: 0, age_us: 700 * US, fresh: false, soc: 0.4, decided_w: 0, held_until_us: now() + 1800 * US, order: { state: "refused", code: "x", reason: "no vehicle is connected" } },
  ],
  proposals: [
    { id: 4, actor: "planner", target: { asset: "battery" }, outcome: "limited", by: "circuit garage", to_w: 2000 },
    { id: 5, actor: "person", target: { asset: "charger" }, outcome: "granted" },
  ],
  plan: { made_us: now() - 600 * US, valid_until_us: now() + 1200 * US },
  actors: [{ name: "night", busy: false, asked: 100, answered: 98, overran: 2, refused: 0, fault: null }],
  faults: [`the meter of charger is silent ${XSS}`], log: { written: 12345, dropped: 0, failing: null },
});

const borders = () => { const start = Math.floor(now() / 900e6) * 900e6 - 16 * 900e6; return Array.from({ length: 65 }, (_, at) => start + at * 900e6); };
const wave = (size: number, shift = 0) => Array.from({ length: 64 }, (_, at) => Math.round(size * Math.sin((at + shift) / 9)));
const CURRENT_PLAN = () => ({
  made_us: now() - 600 * US, valid_until_us: now() + 1200 * US, now_us: now(), reason: `a quarter of an hour is over ${XSS}`, notices: ["the load is that of the last four weeks"], borders_us: borders(), currency: "EUR",
  assets: [
    { asset: "battery", role: "battery", power_w: wave(4000), soc: wave(0.4, 20).map(() => 0.5), actual_w: wave(3700).map((value, at) => (at < 17 ? value : null)), actual_soc: null },
    { asset: "grid", role: "grid_meter", power_w: wave(6000, 14), soc: null, actual_w: wave(5500, 14).map((value, at) => (at < 17 ? value : null)), actual_soc: null },
  ],
  price: { import_per_kwh: wave(0.1, 5).map((value, at) => 0.3 + value + (at % 8) / 50), export_per_kwh: wave(0).map(() => 0.08) },
  deviations: [{ asset: "battery", power_w: -120, soc: 0.01, since_us: now() - 300 * US, span_us: 300 * US }],
});

export const PLAN: Json = {
  id: "p1", name: `Winter ${XSS}`, created_us: Date.now() * 1e3 - 3600 * US, by: "ada", status: "optimal", cost: 4.32, bound: 4.32, gap: 0, currency: "EUR", from_us: Date.now() * 1e3, to_us: Date.now() * 1e3 + 57600 * US, steps: 64, engine: "storage", solve_us: 12_000,
};
const WHOLE_PLAN = () => ({
  ...PLAN, borders_us: borders(), assets: [{ asset: "battery", kind: "battery", power_w: wave(4000), soc: wave(0.3).map((value) => 0.5 + value), taken_wh: 9000, given_wh: 8000 }],
  costs: [{ part: "grid", cause: "import", amount: 5.1 }, { part: "grid", cause: "export", amount: -0.78 }], prices: [], carbon_g: null, violations: [], notices: ["clock of the site is UTC"], explanation: null,
});

const balanceRow = (at: number, from: number, length: number): Json => {
  const past = from < now();
  const some = (value: number) => (past ? value : null);
  return {
    from_us: from, to_us: from + length, import_wh: some(4000 + 900 * (at % 5)), export_wh: some(2500 + 700 * (at % 3)), produced_wh: some(9000 + 1500 * (at % 7)), charged_wh: some(2200), discharged_wh: some(1900),
    consumed_wh: some(11_000 + 400 * (at % 4)), unexplained_wh: some(120), coverage: past ? (at === 6 ? 0.7 : 1) : 0, self_consumption: some(0.71), self_sufficiency: some(0.64), cost: some(1.21 + at / 50), revenue: some(0.2),
  };
};
const BALANCE = () => {
  const start = Date.UTC(new Date().getUTCFullYear(), new Date().getUTCMonth(), 1) * 1e3;
  const rows = Array.from({ length: 30 }, (_, at) => balanceRow(at, start + at * 86400e6, 86400e6));
  return { zone: "UTC", from_us: start, to_us: start + 30 * 86400e6, currency: "EUR", rows, total: { ...balanceRow(0, start, 30 * 86400e6), consumed_wh: 312_000, produced_wh: 280_000, import_wh: 121_000, export_wh: 81_000, cost: 36.3, revenue: 6.48, coverage: 0.8 }, parts: [{ series: "home1.pv.power", role: "production" }] };
};

export const ALARM: Json = {
  id: "a1", operator: "local", rule: "r1", rule_name: `Too much ${XSS}`, kind: "threshold", severity: "critical", site: "home1", subject: "home1.grid.power", state: "raised", value: 11_800, limit: 11_000, unit: "W",
  message: `home1.grid.power is 11.8 kW, above 11 kW ${XSS}`, raised_us: Date.now() * 1e3 - 300 * US, last_raised_us: Date.now() * 1e3 - 60 * US, count: 3, cleared_us: null, acknowledged: null,
};
const RULES = () => [
  { id: "r1", built_in: false, name: "Grid connection", severity: "critical", enabled: true, watch: { kind: "threshold", series: "home1.grid.power", above: 11, unit: "kW", clear_margin: 0.5, for: "30s" }, notify: ["n1"], quiet: { from: "22:00", to: "07:00", zone: "Europe/Berlin", lets_through: "critical" }, remind: "1h" },
  { id: "r2", built_in: true, name: "Store", severity: "critical", enabled: true, watch: { kind: "store_read_only" }, notify: [], quiet: null, remind: null },
  { id: "r3", built_in: false, name: `Away ${XSS}`, severity: "warning", enabled: false, watch: { kind: "offline", devices: "home1.*", after: "10m" }, notify: [], quiet: null, remind: null },
];
const NOTIFIERS = () => [
  { id: "n1", name: "On duty", kind: "email", to: ["duty@example.org"], enabled: true, last_sent_us: now() - 7200 * US, last_problem: null, waiting: 0 },
  { id: "n2", name: `Hook ${XSS}`, kind: "webhook", url: "https://example.org/hook", signed: true, enabled: true, last_sent_us: null, last_problem: "the server answered 500", waiting: 2 },
];
const SVG = `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 300 60" width="300" height="60"><script>parent.__hit=1</script><path d="M0 50 60 20 120 45 180 5 240 40 300 25" fill="none" stroke="#1d70b8" stroke-width="2"/></svg>`;
const FINDINGS = () => ({
  from_us: now() - 30 * 86400e6, to_us: now(), examined: 42,
  findings: [
    { kind: "wrong_sign", severity: "fault", series: ["home1.pv.power"], count: 1, confidence: 0.97, message: `The array seems to consume at noon ${XSS}: its source counts production as positive.`, rows: [{ first: 1, last: 2000 }], from_us: now() - 20 * 86400e6, to_us: now() - 86400e6, declare: ['home1.pv.power sign = "generator"'], repair: null, picture_svg: SVG },
    { kind: "gap", severity: "note", series: ["home1.meter2.power"], count: 12, confidence: 1, message: "Twelve gaps of up to 3 h.", rows: [], from_us: now() - 5 * 86400e6, to_us: now() - 86400e6, declare: [], repair: "Look at the link of the meter.", picture_svg: null },
  ],
});
const IMPORT = {
  id: "i1", name: `2025 ${XSS}.csv`, state: "done", bytes: 5_200_000, total_bytes: 5_200_000, part: 1, rows: 35_040, points: 70_080, problem: null, by: "ada", begun_us: Date.now() * 1e3 - 300 * US, ended_us: Date.now() * 1e3 - 290 * US, dry_run: true,
  report: {
    rows: 35_040, points: 70_080, repeated: 12, gaps: 3, invalid: 0, out_of_range: 1, first_us: 1735689600e6, last_us: 1767225600e6, series: [{ series: "home1.pv.power", unit: "kW", new: true, points: 35_040 }],
    refused: { count: 2, whole: 1, cells: 1, first: [{ row: 100, line: 101, reason: `power is "n/a ${XSS}", expected a number`, text: `2025-01-02;n/a ${XSS}` }] },
    understood: { format: "csv", notes: ["A comma stands before the fraction."], time: { columns: ["time"], form: "2025-01-01 00:15", zone: "Europe/Berlin" }, columns: [{ column: "PV (kW)", series: "home1.pv.power", unit: "kW" }, { column: "remark", skipped: "text" }] },
  },
};
const USERS = () => [
  { user: "ada", display_name: `Ada ${XSS}`, roles: { "*": "admin" }, disabled: false, oidc: false, password: true, created_us: now() - 1e13, last_seen_us: now() - US },
  { user: "ben@example.org", display_name: "Ben", roles: { local: "operator" }, disabled: false, oidc: true, password: false, created_us: now() - 1e12, last_seen_us: now() - 86400e6 },
  { user: "cy", display_name: "Cy", roles: {}, disabled: true, oidc: false, password: true, created_us: now() - 1e12, last_seen_us: null },
];
const TOKEN = { id: "t1", name: `Dashboard ${XSS}`, scopes: ["read"], operators: null, created_us: Date.now() * 1e3, expires_us: Date.now() * 1e3 + 90 * 86400e6, last_used_us: null };

const FIXED: Record<string, () => unknown> = {
  "GET /operators": () => list([{ operator: "local", role: "admin", sites: 1, devices: 500, connected: 480, alarms: { critical: 1, warning: 2, info: 0 } }]),
  "GET /operators/local/sites": () => list([{ operator: "local", site: "home1", devices: 500, connected: 480, channels: 4000, last_seen_us: now(), controlled: true, alarms: { critical: 1, warning: 2, info: 0 }, power_w: { grid: 812, pv: -4210, battery: 1980, load: 3042 }, stale: false }]),
  [`GET ${SITE}/devices`]: () => list(Array.from({ length: 500 }, (_, at) => device(at))),
  [`GET ${SITE}/devices/battery`]: () => device(0),
  [`POST ${SITE}/devices`]: () => ({ device: device(1), secret: "s3cret", ca: "CA", server: "gateway.example:23123", bundle: JSON.stringify({ device: "home1.boiler", server: "gateway.example:23123", ca_pem: "CA", credential: "s3cret" }, undefined, 2) }),
  [`DELETE ${SITE}/devices/battery`]: () => null,
  [`GET ${SITE}/channels`]: () => list(CHANNELS()),
  [`GET ${SITE}/commands`]: () => list(COMMANDS()),
  [`GET ${SITE}/commands/c1`]: () => COMMANDS()[0],
  [`GET ${SITE}/commands/c9`]: () => ({ ...COMMAND, id: "c9", issued_us: now(), lease_ends_us: now() + 900 * US }),
  [`POST ${SITE}/commands`]: () => ({ ...COMMAND, id: "c9", state: "queued", ended: false, ended_us: null, read_back: null, lease_ends_us: null }),
  [`GET ${SITE}/control`]: CONTROL,
  [`GET ${SITE}/control/model`]: () => ({ site: "home1", asset: [{ name: "grid", role: "grid_meter", device: "meter", power: "power" }, { name: "battery", role: "battery", power: "power", setpoint: "power" }] }),
  [`PUT ${SITE}/control/enabled`]: () => ({ enabled: false, changed: true }),
  [`POST ${SITE}/control/proposals`]: () => ({ id: 9, actor: "person", target: "battery", until_us: now() + 900 * US }),
  [`GET ${SITE}/control/plan`]: CURRENT_PLAN,
  [`GET ${SITE}/why`]: () => ({
    asked: "battery", at_us: now(), sentence: `battery charges with 2 kW because planner wished 5 kW (price is low ${XSS}), limited to 2 kW by circuit garage`, text: ["battery charges with 2 kW", `  wished by planner ${XSS}`], answered: { time_us: now(), asset: "battery", command: "c1", value: 2000, state: "done", read_back: 1990 },
    decided: { time_us: now() - US, asset: "battery", role: "battery", target: "home1.battery.power", power_w: 2000, low_w: -5000, high_w: 5000, wish: { actor: "planner", priority: 50, power_w: 5000, reason: "price is low" }, limits: [{ by: "circuit garage (18.2 of 19 A on L1)", from_w: 5000, to_w: 2000 }], inputs: [{ series: "home1.grid.power", what: "power", value: 812, age_us: US }], command: "c1", value: 2000, faults: [] },
  }),
  [`GET ${SITE}/plans`]: () => list([PLAN, { ...PLAN, id: "p2", name: "Summer", status: "infeasible", cost: null, gap: null }]),
  [`GET ${SITE}/plans/p1`]: WHOLE_PLAN,
  [`POST ${SITE}/plans`]: WHOLE_PLAN,
  [`GET ${SITE}/plan-comparison`]: () => ({ plans: [PLAN, { ...PLAN, id: "p2", name: "Summer" }], currency: "EUR", rows: [{ kind: "cost", part: "", what: "total", unit: "EUR", values: [4.32, 3.1], differences: [0, -1.22] }, { kind: "energy", part: "battery", what: "taken", unit: "Wh", values: [9000, null], differences: [0, null] }] }),
  [`GET ${SITE}/balance`]: BALANCE,
  [`GET ${SITE}/findings`]: FINDINGS,
  [`GET ${SITE}/imports`]: () => list([IMPORT, { ...IMPORT, id: "i2", name: "running.csv", state: "running", part: 0.4, dry_run: false, report: null, ended_us: null }]),
  [`GET ${SITE}/imports/i1`]: () => IMPORT,
  [`POST ${SITE}/imports`]: () => IMPORT,
  "GET /operators/local/alarms": () => list([ALARM]),
  "POST /operators/local/alarms/a1/acknowledgement": () => ({ ...ALARM, state: "acknowledged" }),
  "GET /operators/local/alarm-rules": () => list(RULES()),
  "GET /operators/local/alarm-rules/r1": () => RULES()[0],
  "PUT /operators/local/alarm-rules/r1": () => RULES()[0],
  "POST /operators/local/alarm-rules": () => RULES()[0],
  "GET /operators/local/notifiers": () => list(NOTIFIERS()),
  "POST /operators/local/notifiers/n2/test": () => ({ sent: false, problem: "the server answered 500" }),
  "GET /users": () => list(USERS()),
  "POST /users": () => ({ user: USERS()[1], link: "http://localhost/#/invitation/abc", expires_us: now() + 86400e6 }),
  "GET /operators/local/members": () => list([{ user: "ben@example.org", display_name: "Ben", role: "operator", everywhere: false }, { user: "ada", display_name: `Ada ${XSS}`, role: "admin", everywhere: true }]),
  "GET /audit": () => list([{ time_us: now() - US, by: `ada ${XSS}`, number: 7, kind: "command", device: "home1.battery", details: { value: -2000 } }]),
  "GET /tokens": () => list([TOKEN]),
  "POST /tokens": () => ({ token: TOKEN, secret: "mem_s3cret" }),
  "DELETE /tokens/t1": () => null,
  "GET /sessions": () => list([{ id: "s1", begun_us: now() - 3600e6, last_seen_us: now(), expires_us: now() + 1e11, address: "127.0.0.1", agent: `Firefox ${XSS}`, current: true }]),
  "GET /status": () => ({ version: "0.1.0", started_us: now() - 86400e6, now_us: now(), gateway: "0.0.0.0:23123", stats: { points: 123456, connections: 480 }, store: { bytes: 123_456_789 }, memory_bytes: 31_000_000, http: { requests: 1234, live: 2 } }),
  "GET /configuration": () => ({ sections: { http: { listen: "127.0.0.1:8080" }, accounts: { oidc: { secret: "***" } } } }),
};
