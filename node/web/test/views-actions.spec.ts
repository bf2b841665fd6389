// What people do in the views: commanding, pausing, enrolling, acknowledging, inviting; and what is not offered to whom.

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

import { COMMAND, open, type Street } from "./views-street";

const SITE = "#/local/home1";
const API = "/operators/local/sites/home1";
const VIEWER = { roles: { local: "viewer" } };

test("a battery discharges with 2 kW for a quarter of an hour, then rests: said, confirmed, sent once, followed", async ({ page }) => {
  const street = await open(page, `${SITE}/commands`);
  await page.getByRole("button", { name: "Send a command" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("It takes −5 kW to 5 kW")).toBeVisible();
  await dialog.getByLabel("Value, in kW").fill("-6");
  await expect(dialog.getByText("outside what the channel takes")).toBeVisible();
  await expect(dialog.getByRole("button", { name: "Go on" })).toBeDisabled();
  await dialog.getByLabel("Value, in kW").fill("-2");
  await expect(dialog.getByText("−2 kW (discharging) for 15 minutes, then 0 W.")).toBeVisible();
  await clean(page);
  await dialog.getByRole("button", { name: "Go on" }).click();
  expect(street.sent, "nothing is sent before it is confirmed").toEqual([]);
  await expect(dialog.getByText("−2 kW (discharging) for 15 minutes, then 0 W.")).toBeVisible();
  await expect(dialog.getByText("Control steers battery")).toBeVisible();
  await clean(page);
  await page.screenshot({ path: "test-results/views/command-confirmation.png" });
  await dialog.getByRole("button", { name: "Send to battery" }).click();
  await expect(dialog.getByText("Carried out; the device reads −1.99 kW.")).toBeVisible();
  await expect(dialog.getByText(/It holds for another/)).toBeVisible();
  await clean(page);
  await page.screenshot({ path: "test-results/views/command-life.png" });
  expect(street.sent.map(({ method, path, body }) => ({ method, path, body }))).toEqual([
    { method: "POST", path: `${API}/commands`, body: { series: "home1.battery.power", value: -2000, within: "30s", lease: "15m", fallback: 0 } },
  ]);
  expect(street.sent[0]?.headers["idempotency-key"]).toMatch(/^[0-9a-f]{32}$/);
  expect(street.sent[0]?.headers["x-csrf-token"]).toBe("token");
});

test("a command that got lost on the way is sent again under the same key", async ({ page }) => {
  const street = await open(page, `${SITE}/commands?series=home1.battery.power`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Value, in kW").fill("1,5");
  await dialog.getByRole("button", { name: "Go on" }).click();
  street.answers[`POST ${API}/commands`] = { status: 503, body: { status: 503, title: "Not taken in", detail: "the disk is full", code: "READ_ONLY" } };
  await dialog.getByRole("button", { name: "Send to battery" }).click();
  await expect(dialog.getByText("the disk is full")).toBeVisible();
  street.answers = {};
  await dialog.getByRole("button", { name: "Send to battery" }).click();
  await expect(dialog.getByText(/Carried out/)).toBeVisible();
  expect(new Set(street.sent.map((each) => each.headers["idempotency-key"])).size).toBe(1);
  expect(street.sent.length).toBe(2);
});

test("what the server says of a value stands at the value", async ({ page }) => {
  const street = await open(page, `${SITE}/commands?series=home1.battery.power`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Value, in kW").fill("3");
  street.answers[`POST ${API}/commands`] = { status: 400, body: { status: 400, title: "Invalid", detail: "value is 3000 W, expected at most 2500 W", code: "INVALID", field: "value" } };
  await dialog.getByRole("button", { name: "Go on" }).click();
  await dialog.getByRole("button", { name: "Send to battery" }).click();
  await dialog.getByRole("button", { name: "Back" }).click();
  await expect(dialog.getByLabel("Value, in kW")).toHaveAccessibleDescription("value is 3000 W, expected at most 2500 W");
});

test("a lease that still runs is renewed, and ended now, both with a word before", async ({ page }) => {
  const street = await open(page, `${SITE}/commands`);
  await page.getByRole("cell", { name: "−2 kW for 15 minutes, then 0 W" }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "End it now" }).click();
  await expect(dialog.getByText("battery is set to 0 W at once, in place of −2 kW, and stays so until another command.")).toBeVisible();
  await dialog.getByRole("button", { name: "End it, and set 0 W" }).click();
  await expect.poll(() => street.sent.map((each) => each.body)).toEqual([{ series: "home1.battery.power", value: 0, within: "30s" }]);
  await dialog.getByRole("button", { name: "Renew" }).click();
  await dialog.getByRole("button", { name: "Renew battery" }).click();
  await expect.poll(() => street.sent[1]?.body).toEqual({ series: "home1.battery.power", value: -2000, within: "30s", lease: "15m", fallback: 0 });
});

test("control is paused only after it was said what that means", async ({ page }) => {
  const street = await open(page, `${SITE}/control`);
  await page.getByRole("button", { name: "Pause" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("Nothing is ordered any more to pv, battery, charger.")).toBeVisible();
  await page.keyboard.press("Escape");
  await expect(dialog).toBeHidden();
  expect(street.sent).toEqual([]);
  await page.getByRole("button", { name: "Pause" }).click();
  await clean(page);
  await dialog.getByRole("button", { name: "Pause home1" }).click();
  await expect(dialog).toBeHidden();
  expect(street.sent.map((each) => each.body)).toEqual([{ enabled: false }]);
});

test("a command that control made a wish of says so in words of the page, with the ways that there are", async ({ page }) => {
  const note = "-4000 W stands as a wish for 15m, or until `memcore control withdraw battery`; battery gets -2000 W now because of circuit garage";
  const steered = { ...COMMAND, value: -4000, lease_us: 900e6, lease_ends_us: null, steered: { ordered: -2000, lease_us: 60e6, until_us: Date.now() * 1e3 + 840e6, note } };
  const street = await open(page, `${SITE}/commands`, { answers: { [`GET ${API}/commands/c1`]: { status: 200, body: steered } } });
  await page.getByRole("row", { name: /battery.power.*done/ }).click();
  const dialog = page.getByRole("dialog").first();
  await expect(dialog.getByText("Control steers battery: your command is a wish")).toBeVisible();
  await expect(dialog.getByText("Wished was −4 kW; control ordered −2 kW, limited by circuit garage (18.2 of 19 A on L1).")).toBeVisible();
  await expect(dialog.getByText("memcore control")).toHaveCount(0);
  await expect(dialog.getByRole("link", { name: "pause control, or wish with a higher priority" })).toHaveAttribute("href", `${SITE}/control`);
  await clean(page);
  await page.screenshot({ path: "test-results/views/command-steered.png" });
  await dialog.getByRole("button", { name: "Withdraw the wish" }).click();
  await page.getByRole("button", { name: "Withdraw it", exact: true }).click();
  await expect(page.getByText("The wish for battery is withdrawn")).toBeVisible();
  expect(street.sent.map((each) => `${each.method} ${each.path}${each.query}`)).toEqual([`DELETE ${API}/control/proposals?actor=person&target=battery`]);
});

test("a command that control takes over and orders nothing for is not sent, and the page says what to do", async ({ page }) => {
  const street = await open(page, `${SITE}/commands?series=home1.battery.power`);
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Value, in kW").fill("1");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await expect(dialog.getByText("Control steers battery")).toBeVisible();
  street.answers[`POST ${API}/commands`] = { status: 409, body: { status: 409, title: "Conflict", detail: "control orders nothing to battery now", code: "CONFLICT" } };
  await dialog.getByRole("button", { name: "Send to battery" }).click();
  await expect(dialog.getByRole("alert")).toContainText("Nothing was sent: control steers battery, and orders nothing to it now");
  await expect(dialog.getByRole("alert").getByRole("link", { name: "See how control stands" })).toHaveAttribute("href", `${SITE}/control`);
  await clean(page);
});

test("a wish is a sentence before it is sent", async ({ page }) => {
  const street = await open(page, `${SITE}/control`);
  await page.getByRole("button", { name: "Wish for something" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Asset").selectOption("battery");
  await dialog.getByLabel("Power, in kW").fill("-2");
  await dialog.getByLabel("Why").fill("guests");
  await expect(dialog.getByText("battery shall do −2 kW for 15m")).toBeVisible();
  await dialog.getByRole("button", { name: "Wish it for battery" }).click();
  await expect(dialog).toBeHidden();
  expect(street.sent.map((each) => each.body)).toEqual([{ target: "battery", power: -2000, priority: 60, valid_for: "15m", reason: "guests" }]);
});

test("a bar of energy tells its day, with units, as the table does", async ({ page }) => {
  await open(page, `${SITE}/energy`);
  const picture = page.getByRole("img", { name: /Energy as bars, 30 of them/ });
  await expect(picture).toBeVisible();
  await expect(picture).toContainText("20 kWh");
  const box = await picture.boundingBox();
  if (!box) throw new Error("no picture");
  await page.mouse.move(box.x + 80, box.y + box.height / 2);
  const told = page.locator(".stacked-told");
  await expect(told).toContainText("1 " + new Intl.DateTimeFormat("en-GB", { month: "short", timeZone: "UTC" }).format(new Date()));
  await expect(told).toContainText(/produced\s*9 kWh/);
  await expect(told).toContainText(/used\s*11 kWh/);
  await clean(page);
  await page.mouse.move(5, 5);
  await expect(told).toHaveCount(0);
});

test("a device is enrolled: its bundle is shown once, with a program that uses it", async ({ page }) => {
  const street = await open(page, `${SITE}/devices`);
  await page.getByRole("button", { name: "Enrol a device" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Name")).toBeFocused();
  await dialog.getByLabel("Name").fill("battery");
  await expect(dialog.getByText("There is such a device already")).toBeVisible();
  await dialog.getByLabel("Name").fill("heat pump");
  await expect(dialog.getByText("1 to 64 of A-Z a-z 0-9 _ - are expected.")).toBeVisible();
  await dialog.getByLabel("Name").fill("boiler");
  await dialog.getByRole("button", { name: "Enrol" }).click();
  await expect(dialog.getByText("This is shown once")).toBeVisible();
  await expect(dialog.getByText('"credential": "s3cret"')).toBeVisible();
  await dialog.getByRole("tab", { name: "Node" }).click();
  await expect(dialog.getByText('await connect("boiler.json"')).toBeVisible();
  await clean(page);
  await page.screenshot({ path: "test-results/views/enrolled.png" });
  const saved = page.waitForEvent("download");
  await dialog.getByRole("button", { name: "Save boiler.json" }).click();
  expect((await saved).suggestedFilename()).toBe("boiler.json");
  await dialog.getByRole("button", { name: "Done" }).click();
  await expect(page.getByText("s3cret")).toHaveCount(0);
  expect(street.sent.map((each) => each.body)).toEqual([{ device: "boiler", proof: "secret" }]);
});

test("five hundred devices are searched as one types, and walked by keys", async ({ page }) => {
  await open(page, `${SITE}/devices`);
  await page.getByLabel("Search by name").fill("meter49");
  await expect(page.getByText("11 of 500 devices")).toBeVisible();
  await page.getByRole("row", { name: /meter499/ }).focus();
  await page.keyboard.press("ArrowDown");
  await page.keyboard.press("Enter");
  await expect(page).toHaveURL(/device=meter49/);
});

test("a device is revoked by its name, and gone", async ({ page }) => {
  const street = await open(page, `${SITE}/devices?device=battery`);
  await page.getByRole("button", { name: "Revoke" }).click();
  await page.getByRole("dialog").getByRole("button", { name: "Revoke battery" }).click();
  await expect(page).toHaveURL(/#\/local\/home1\/devices$/);
  expect(street.sent.map((each) => `${each.method} ${each.path}`)).toEqual([`DELETE ${API}/devices/battery`]);
});

test("an alarm is acknowledged with a note", async ({ page }) => {
  const street = await open(page, `${SITE}/alarms`);
  await page.getByRole("button", { name: /^Acknowledge/ }).first().click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Note").fill("the oven");
  await clean(page);
  await dialog.getByRole("button", { name: "Acknowledge" }).click();
  await expect(dialog).toBeHidden();
  expect(street.sent.map((each) => each.body)).toEqual([{ note: "the oven" }]);
});

test("a rule is written in words, and its faults stand at its fields", async ({ page }) => {
  const street = await open(page, `${SITE}/alarms?tab=rules`);
  await page.getByRole("button", { name: "Watch something" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByRole("button", { name: "Watch it" }).click();
  await expect(dialog.getByText("A limit above or below is expected.")).toBeVisible();
  await dialog.getByLabel("Name").fill("Grid");
  await dialog.getByLabel("Series").fill("home1.grid.power");
  await dialog.getByLabel("Above").fill("11");
  await dialog.getByLabel("Unit").fill("kW");
  await dialog.getByLabel("Quiet hours, in which nobody is told").check();
  await expect(dialog.getByText("Raised when home1.grid.power is above 11 kW")).toBeVisible();
  await clean(page);
  await page.screenshot({ path: "test-results/views/rule.png" });
  street.answers["POST /operators/local/alarm-rules"] = { status: 400, body: { status: 400, title: "Invalid", detail: "unit is kW, expected A", code: "INVALID", field: "watch.unit" } };
  await dialog.getByRole("button", { name: "Watch it" }).click();
  await expect(dialog.getByLabel("Unit")).toHaveAccessibleDescription("unit is kW, expected A");
  street.answers = {};
  await dialog.getByRole("button", { name: "Watch it" }).click();
  await expect(dialog).toBeHidden();
  expect((street.sent.at(-1)?.body as { watch: unknown }).watch).toEqual({ kind: "threshold", series: "home1.grid.power", above: 11, unit: "kW" });
});

test("of two who change a rule, the later is told, and overwrites nothing", async ({ page }) => {
  const street = await open(page, `${SITE}/alarms?tab=rules`);
  await page.getByRole("cell", { name: "Grid connection", exact: true }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByLabel("Above")).toHaveValue("11");
  await dialog.getByLabel("Above").fill("12");
  street.answers["PUT /operators/local/alarm-rules/r1"] = { status: 412, body: { status: 412, title: "Precondition Failed", detail: "it was changed meanwhile: expected to be read again", code: "CONFLICT", field: "If-Match" } };
  await dialog.getByRole("button", { name: "Change the rule" }).click();
  await expect(dialog.getByText("it was changed meanwhile")).toBeVisible();
  expect(street.sent.map((each) => each.headers["if-match"])).toEqual(['"tag"']);
});

test("a notifier that cannot tell says why", async ({ page }) => {
  await open(page, `${SITE}/alarms?tab=notifiers`);
  await page.getByRole("button", { name: /^Send a test to Hook/ }).click();
  await expect(page.getByText("the server answered 500").last()).toBeVisible();
});

test("a file is tried, and its report says what was understood and refused", async ({ page }) => {
  const street = await open(page, `${SITE}/imports`);
  await page.getByLabel("File").setInputFiles({ name: "meter.csv", mimeType: "text/csv", buffer: Buffer.from("time;power\n2025-01-01 00:00;1\n") });
  await page.getByRole("button", { name: "Try it" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("It was tried, and nothing was written.")).toBeVisible();
  await expect(dialog.getByText(/expected a number/)).toBeVisible();
  await clean(page);
  await page.screenshot({ path: "test-results/views/report.png" });
  expect(street.sent[0]?.query).toContain("dry_run=true");
  expect(street.sent[0]?.headers["x-csrf-token"]).toBe("token");
});

test("two plans are compared, and one is made from pasted text", async ({ page }) => {
  const street = await open(page, `${SITE}/control?tab=plans`);
  await page.getByLabel(/Compare Winter/).check();
  await page.getByLabel("Compare Summer").check();
  await page.getByRole("button", { name: "Compare 2 plans" }).click();
  const dialog = page.getByRole("dialog");
  await expect(dialog.getByText("−1.22 EUR")).toBeVisible();
  await clean(page);
  await dialog.getByRole("button", { name: "Close" }).last().click();
  await page.getByRole("button", { name: "Make a plan" }).click();
  await dialog.getByLabel("Name").fill("Tomorrow");
  await dialog.getByLabel("What it says").fill('[horizon]\nstep = "15m"');
  await dialog.getByRole("button", { name: "Solve" }).click();
  await expect(dialog.getByText("No plan costs less.")).toBeVisible();
  await clean(page);
  await page.screenshot({ path: "test-results/views/plan-solved.png" });
  expect(street.sent.map((each) => each.body)).toEqual([{ name: "Tomorrow", text: '[horizon]\nstep = "15m"', keep: true }]);
});

test("somebody is invited by a link that is shown once", async ({ page }) => {
  const street = await open(page, "#/users");
  await page.getByRole("button", { name: "Invite somebody" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name to sign in with").fill("ben@example.org");
  await dialog.getByLabel("At local").selectOption("operator");
  await clean(page);
  await dialog.getByRole("button", { name: "Make a link" }).click();
  await expect(dialog.getByText("http://localhost/#/invitation/abc")).toBeVisible();
  await clean(page);
  expect(street.sent.map((each) => each.body)).toEqual([{ user: "ben@example.org", roles: { local: "operator" } }]);
});

test("a token is made, shown once, and revoked by its name", async ({ page }) => {
  const street = await open(page, "#/tokens");
  await page.getByRole("button", { name: "Make a token" }).click();
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Name").fill("Dashboard");
  await dialog.getByLabel(/^command/).check();
  await dialog.getByRole("button", { name: "Make it" }).click();
  await expect(dialog.getByText("mem_s3cret", { exact: true })).toBeVisible();
  await clean(page);
  await dialog.getByRole("button", { name: "I have kept it" }).click();
  await expect(page.getByText("mem_s3cret")).toHaveCount(0);
  await page.getByRole("button", { name: /^Revoke/ }).click();
  await dialog.getByRole("button", { name: "Revoke it" }).click();
  await expect(dialog).toBeHidden();
  expect(street.sent.map((each) => each.method)).toEqual(["POST", "DELETE"]);
  expect(street.sent[0]?.body).toEqual({ name: "Dashboard", scopes: ["read", "command"], expires: "90d" });
});

test("a viewer looks, and is offered nothing else", async ({ page }) => {
  const street = await open(page, `${SITE}/devices`, VIEWER);
  await expect(page.getByText("500 at home1")).toBeVisible();
  await expect(page.getByRole("button", { name: "Enrol a device" })).toHaveCount(0);
  await goto(page, `${SITE}/devices?device=battery`, "Proofs");
  await expect(page.getByRole("button", { name: /Revoke|new proof|Change the rate/ })).toHaveCount(0);
  await expect(page.getByRole("link", { name: /^Command / })).toHaveCount(0);
  await goto(page, `${SITE}/commands`, "−2 kW for 15 minutes");
  await expect(page.getByRole("button", { name: "Send a command" })).toHaveCount(0);
  await goto(page, `${SITE}/control`, "circuit garage");
  await expect(page.getByRole("button", { name: /Pause|Wish|Withdraw|Let go/ })).toHaveCount(0);
  await goto(page, `${SITE}/alarms`, "Too much");
  await expect(page.getByRole("button", { name: /^Acknowledge/ })).toHaveCount(0);
  await expect(page.getByRole("tab", { name: "Who is told" })).toHaveCount(0);
  await goto(page, `${SITE}/alarms?tab=rules`, "Grid connection");
  await expect(page.getByRole("button", { name: /Watch something|Remove/ })).toHaveCount(0);
  await goto(page, `${SITE}/imports`, "Not for your role");
  await goto(page, "#/users", "Not for your role");
  expect(street.sent).toEqual([]);
});

test("a server that is away leaves what was last heard, and says so; it is back by itself", async ({ page }) => {
  const street = await open(page, `${SITE}/commands`);
  await expect(page.getByRole("cell", { name: /−2 kW for 15 minutes/ }).first()).toBeVisible();
  street.offline = true;
  await expect(page.getByText("Not up to date: commands as last heard")).toBeVisible({ timeout: 30_000 });
  await expect(page.getByRole("cell", { name: /−2 kW for 15 minutes/ }).first()).toBeVisible();
  street.offline = false;
  await page.getByRole("button", { name: "Try again" }).first().click();
  await expect(page.getByText("Not up to date")).toHaveCount(0);
});

test("nothing there, and no right to look, are said in words", async ({ page }) => {
  const empty = { status: 200, body: { items: [], next: null } };
  const answers: Street["answers"] = {
    [`GET ${API}/devices`]: empty, [`GET ${API}/commands`]: empty, "GET /tokens": empty,
    [`GET ${API}/control`]: { status: 404, body: { status: 404, title: "Not found", detail: "home1 is not controlled", code: "NOT_FOUND" } },
    [`GET ${API}/findings`]: { status: 403, body: { status: 403, title: "Forbidden", detail: "expected the role viewer", code: "FORBIDDEN" } },
  };
  await open(page, `${SITE}/devices`, { answers });
  await expect(page.getByText("No device yet")).toBeVisible();
  await goto(page, `${SITE}/commands`, "No command yet");
  await goto(page, `${SITE}/control`, "This site is not controlled");
  await goto(page, `${SITE}/doctor`, "expected the role viewer");
  await goto(page, "#/tokens", "No token yet");
});

test("a command whose outcome nobody knows says to look before repeating", async ({ page }) => {
  await open(page, `${SITE}/commands`, { answers: { [`GET ${API}/commands/c1`]: { status: 200, body: { ...COMMAND, state: "unknown", read_back: null, stands: false, lease_ends_us: null } } } });
  await page.getByRole("cell", { name: /−2 kW for 15 minutes/ }).first().click();
  await expect(page.getByRole("dialog").getByText("Read the channel before repeating.")).toBeVisible();
  await expect(page.getByRole("button", { name: /End it now|Renew/ })).toHaveCount(0);
});

async function goto(page: Page, hash: string, seen: string): Promise<void> {
  await page.evaluate((to) => { location.hash = to; }, hash);
  await expect(page.getByRole("main").getByText(seen).first()).toBeVisible();
}

/** Nothing for axe to say of what is open now. */
async function clean(page: Page): Promise<void> {
  const { violations } = await new AxeBuilder({ page }).withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]).analyze();
  expect(violations.map((each) => `${each.id}: ${each.nodes.map((node) => node.target.join(" ")).join(" | ")}`)).toEqual([]);
}
