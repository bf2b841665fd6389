// What an operator meets on a bad day: nothing measured, nobody there, a device that is away for days, a storm of alarms, the longest
// names, a server that goes and comes. Each is looked at in both themes, on a phone and on a wall, and read by axe.

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

import { ALARM, COMMAND, open, type Street } from "./views-street";

const SITE = "#/local/home1";
const API = "/operators/local/sites/home1";
const DAY = 86_400e6;
const now = () => Date.now() * 1e3;
const ok = (body: unknown) => ({ status: 200, body });
const list = (items: unknown[]) => ok({ items, next: null });

/** 64 characters, the longest that a name may be. */
const LONG = "inverter_of_the_south_roof_behind_the_old_barn_string_0000000012";
const SERIES = `home1.${LONG}.${LONG}`;

const AWAY = { device: LONG, name: `home1.${LONG}`, connected: false, health: "offline", last_seen_us: now() - 9 * DAY, channels: 8, points: 0, rate: null, enrolled: true, proofs: [] };
const CHANNEL = {
  series: SERIES, device: LONG, channel: LONG, quantity: "power", unit: "W", kind: "gauge", sign: "passive", labels: { place: LONG }, writable: true, range: { low: -5000, high: 5000 }, cadence_us: 1e6, max_age_us: 60e6,
  rules: { fallback: 0 }, latest: { time_us: now() - 9 * DAY, value: 1466 }, stale: true,
};
const SEVERITIES = ["critical", "warning", "info"];
const STORM = Array.from({ length: 500 }, (_, at) => ({
  ...ALARM, id: `a${String(at)}`, rule_name: at % 7 === 0 ? `Watch over ${LONG}` : "Meter is silent", severity: SEVERITIES[at % 3], subject: at % 7 === 0 ? SERIES : `home1.meter${String(at)}.power`,
  message: at % 7 === 0 ? `${SERIES} is 11.8 kW, above 11 kW` : `home1.meter${String(at)}.power was last heard 2 h ago`, raised_us: now() - at * 60e6, count: 1 + (at % 5), cleared_us: null,
}));
const summary = (more: object) => list([{ operator: "local", site: "home1", devices: 0, connected: 0, channels: 0, last_seen_us: null, controlled: false, alarms: { critical: 0, warning: 0, info: 0 }, power_w: { grid: null, pv: null, battery: null, load: null }, stale: false, ...more }]);
const row = (from_us: number) => ({ from_us, to_us: from_us + DAY, import_wh: null, export_wh: null, produced_wh: null, charged_wh: null, discharged_wh: null, consumed_wh: null, unexplained_wh: null, coverage: 0, self_consumption: null, self_sufficiency: null, cost: null, revenue: null });

const NOTHING: Street["answers"] = {
  "GET /operators/local/sites": summary({}),
  [`GET ${API}/flow`]: ok({ now_us: now(), complete: false, nodes: [] }),
  [`GET ${API}/chart`]: ok({ from_us: 0, to_us: 0, series: [] }),
  [`GET ${API}/devices`]: list([]), [`GET ${API}/channels`]: list([]), [`GET ${API}/commands`]: list([]), [`GET ${API}/imports`]: list([]), [`GET ${API}/plans`]: list([]),
  [`GET ${API}/control`]: { status: 404, body: { status: 404, title: "Not found", detail: "this server does not control home1", code: "NOT_FOUND" } },
  [`GET ${API}/balance`]: ok({ zone: "UTC", from_us: now() - DAY, to_us: now(), currency: null, rows: [row(now() - DAY)], total: row(now() - DAY), parts: [] }),
  [`GET ${API}/findings`]: ok({ from_us: now() - DAY, to_us: now(), examined: 0, findings: [] }),
  "GET /operators/local/alarms": list([]), "GET /operators/local/alarm-rules": list([]), "GET /operators/local/notifiers": list([]), "GET /tokens": list([]), "GET /audit": list([]),
};
const BAD: Street["answers"] = {
  "GET /operators/local/sites": summary({ devices: 12, connected: 0, channels: 96, last_seen_us: now() - 9 * DAY, alarms: { critical: 167, warning: 167, info: 166 }, power_w: { grid: 812, pv: -4210, battery: 1980, load: 3042 }, stale: true }),
  [`GET ${API}/flow`]: ok({ now_us: now(), complete: false, nodes: ["grid", "pv", "battery", "load", "ev", "heat_pump"].map((kind) => ({ id: kind, kind, name: kind === "pv" ? LONG : kind, power_w: 1466, soc: kind === "battery" ? 0.5 : null, series: kind === "pv" ? SERIES : `home1.${kind}.power`, time_us: now() - 9 * DAY, stale: true, limit_w: null, target_w: null })) }),
  [`GET ${API}/devices`]: list([AWAY, { ...AWAY, device: "meter", name: "home1.meter", health: "never", last_seen_us: null }]), [`GET ${API}/devices/${LONG}`]: ok(AWAY), [`GET ${API}/channels`]: list([CHANNEL]),
  [`GET ${API}/chart`]: ok({ from_us: 0, to_us: 0, series: [{ series: SERIES, unit: "W", quantity: "power", raw: true, time_us: [], value: [] }] }),
  [`GET ${API}/commands`]: list([{ ...COMMAND, series: SERIES, device: LONG, by: LONG, state: "expired", stands: false, lease_ends_us: null }]),
  "GET /operators/local/alarms": ok({ items: STORM, next: null }),
};

const VIEWS: Record<string, string> = {
  overview: "#/", live: SITE, history: `${SITE}/history?series=${SERIES}`, energy: `${SITE}/energy`, control: `${SITE}/control`, commands: `${SITE}/commands`, send: `${SITE}/commands?series=${SERIES}`, alarms: `${SITE}/alarms`,
  devices: `${SITE}/devices`, device: `${SITE}/devices?device=${LONG}`, doctor: `${SITE}/doctor`, imports: `${SITE}/imports`, tokens: "#/tokens", audit: "#/users?tab=audit",
};
/** What is as on any other day. */
const UNCHANGED = { nothing: ["device"], bad: ["control", "doctor", "imports", "tokens", "audit"] };
const SCREENS = { phone: { width: 390, height: 844 }, desk: { width: 1280, height: 800 }, wall: { width: 2560, height: 1440 } };

for (const [trouble, answers] of [["nothing", NOTHING], ["bad", BAD]] as const) {
  for (const [name, hash] of Object.entries(VIEWS)) {
    if (UNCHANGED[trouble].includes(name)) continue;
    test(`${name} on a day of ${trouble === "bad" ? "trouble" : "nothing"}`, async ({ page }) => {
      const broken: string[] = [];
      page.on("pageerror", (error) => { broken.push(String(error)); });
      await page.emulateMedia({ reducedMotion: "reduce" });
      await open(page, hash, { answers });
      await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
      await expect(page.locator(".skeleton")).toHaveCount(0);
      for (const [screen, size] of Object.entries(SCREENS)) {
        await page.setViewportSize(size);
        const theme = screen === "wall" ? "dark" : "light";
        await page.emulateMedia({ colorScheme: theme, reducedMotion: "reduce" });
        await expect(page.locator("html")).toHaveAttribute("data-theme", theme);
        await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => { requestAnimationFrame(done); }); }));
        await page.screenshot({ path: `test-results/trouble/${trouble}-${name}-${screen}.png` });
        expect(await wider(page), screen).toEqual([]);
      }
      const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
      expect(violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.html).slice(0, 3).join(" | ")}`)).toEqual([]);
      expect(broken).toEqual([]);
    });
  }
}

test("a storm of alarms is narrowed by words and severity, and taken note of at once", async ({ page }) => {
  const street = await open(page, `${SITE}/alarms`, { answers: { ...BAD, ...Object.fromEntries(STORM.map(({ id }) => [`POST /operators/local/alarms/${id}/acknowledgement`, ok({})])) } });
  await expect(page.getByRole("button", { name: "critical 167" })).toBeVisible();
  const table = page.getByRole("table", { name: "Open alarms" });
  await expect(table).toHaveAttribute("aria-rowcount", "501");
  await page.getByRole("searchbox").fill("watch over");
  await page.getByRole("button", { name: /^critical/ }).click();
  await expect(table).toHaveAttribute("aria-rowcount", "25");
  await page.getByRole("button", { name: "Acknowledge 24 …" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("24 of them are critical")).toBeVisible();
  await dialog.getByLabel("Note").fill("the inverter is being exchanged");
  await dialog.getByRole("button", { name: "Acknowledge 24" }).click();
  await expect(page.getByText("24 alarms are acknowledged")).toBeVisible();
  expect(street.sent).toHaveLength(24);
  expect(new Set(street.sent.map((each) => each.path)).size).toBe(24);
  expect(street.sent[0]?.body).toEqual({ note: "the inverter is being exchanged" });
  await page.getByRole("searchbox").fill("nothing of that name");
  await page.getByRole("button", { name: "Show all" }).click();
  await expect(table).toHaveAttribute("aria-rowcount", "501");
});

test("five hundred alarms are as high as each other, and the last is reached by keys", async ({ page }) => {
  await open(page, `${SITE}/alarms`, { answers: BAD });
  await expect(page.getByRole("row").nth(1)).toBeVisible();
  await page.locator("tr[data-row='0']").focus();
  await page.keyboard.press("End");
  await expect(page.locator("tr[data-row='499']")).toBeFocused();
  await expect(page.locator("tr[data-row='499']")).toBeInViewport();
  const heights = await page.locator("tr[data-row]").evaluateAll((rows) => [...new Set(rows.map((each) => Math.round(each.getBoundingClientRect().height)))]);
  expect(heights).toHaveLength(1);
});

test("an empty chart says so, and leads to the last reading", async ({ page }) => {
  await open(page, `${SITE}/history?series=${SERIES}`, { answers: BAD });
  await expect(page.getByText("Nothing was measured then")).toBeVisible();
  await expect(page.getByText(/, 9 d ago/)).toBeVisible();
  await page.getByRole("button", { name: "Go to the last reading" }).click();
  await expect(page.locator(".history-range")).toContainText("6 h");
});

/** What is wider than the place that it has. */
function wider(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.scrollingElement ?? document.body;
    const found = root.scrollWidth > innerWidth ? [`the page: ${String(root.scrollWidth)}`] : [];
    for (const box of document.querySelectorAll(".table-box, .dialog-body, .card, .note")) {
      if (box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1) found.push(`${box.className} ${box.textContent.slice(0, 40)}: ${String(box.scrollWidth)} in ${String(box.clientWidth)}`);
    }
    return found;
  });
}
