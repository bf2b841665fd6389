// On a phone nothing has to be moved sideways to be read: not the page, and no table, picture or text within it.
import { expect, type Page, test } from "@playwright/test";

import { open } from "./views-street";

test.use({ viewport: { width: 390, height: 844 }, hasTouch: true });

const SITE = "#/local/home1";

interface Seen {
  hash: string;
  /** What is there once the view is. */
  text: string | RegExp;
  /** What is pressed then, and what is there after that. */
  press?: string;
  then?: string | RegExp;
}

const VIEWS: Record<string, Seen> = {
  overview: { hash: "#/", text: "home1" },
  devices: { hash: `${SITE}/devices`, text: "500 at home1" },
  device: { hash: `${SITE}/devices?device=battery`, text: "Proofs" },
  commands: { hash: `${SITE}/commands`, text: /−2 kW for 15 minutes/ },
  command: { hash: `${SITE}/commands`, text: /−2 kW for 15 minutes/, press: "home1.battery.power", then: "Why did the device" },
  why: { hash: `${SITE}/commands?why=home1.battery`, text: "Decided: 2 kW" },
  control: { hash: `${SITE}/control`, text: /circuit garage/ },
  plan: { hash: `${SITE}/control?tab=plan`, text: "planned" },
  plans: { hash: `${SITE}/control?tab=plans`, text: /Winter/ },
  energy: { hash: `${SITE}/energy`, text: "Self-sufficiency" },
  alarms: { hash: `${SITE}/alarms`, text: /Too much/ },
  rules: { hash: `${SITE}/alarms?tab=rules`, text: "Grid connection" },
  notifiers: { hash: `${SITE}/alarms?tab=notifiers`, text: "On duty" },
  doctor: { hash: `${SITE}/doctor`, text: /97 % sure/ },
  imports: { hash: `${SITE}/imports`, text: "running.csv" },
  report: { hash: `${SITE}/imports`, text: "running.csv", press: "Done", then: "What was understood" },
  users: { hash: "#/users", text: "ben@example.org" },
  members: { hash: "#/users?tab=members", text: "Ben" },
  audit: { hash: "#/users?tab=audit", text: "command" },
  tokens: { hash: "#/tokens", text: "Dashboard" },
  account: { hash: "#/settings?tab=account", text: "Firefox" },
  server: { hash: "#/settings?tab=status", text: /gateway/i },
  configuration: { hash: "#/settings?tab=configuration", text: "[http]" },
};

for (const [name, { hash, text, press, then }] of Object.entries(VIEWS)) {
  test(`${name} fits on a phone`, async ({ page }) => {
    await open(page, hash);
    await expect(page.getByRole("main").getByText(text).first()).toBeVisible();
    if (press !== undefined) await page.getByRole("row").filter({ hasText: press }).or(page.getByRole("row").filter({ hasText: press.toLowerCase() })).first().tap();
    if (then !== undefined) await expect(page.getByRole("dialog").getByText(then).first()).toBeVisible();
    await page.screenshot({ path: `test-results/phone/${name}.png`, fullPage: press === undefined });
    expect(await wider(page)).toEqual([]);
  });
}

test("a row is a card, whose values say what they are, and which is pressed as a row is", async ({ page }) => {
  await open(page, `${SITE}/devices`);
  const card = page.getByRole("row").filter({ hasText: "battery" });
  await expect(card).toBeVisible();
  const titles = await card.locator("td").evaluateAll((cells) => cells.filter((cell) => cell.getClientRects().length > 0).map((cell) => getComputedStyle(cell, "::before").content));
  expect(titles).toEqual(["none", "none", '"Last seen"']);
  await card.tap({ position: { x: 200, y: 50 } });
  await expect(page.getByRole("heading", { level: 1, name: "battery" })).toBeVisible();
});

test("cards are sorted by a choice above them, and more of them come as one scrolls", async ({ page }) => {
  await open(page, `${SITE}/devices`);
  const cards = page.locator("tr[data-row]");
  await expect(cards).toHaveCount(40);
  await page.getByRole("combobox", { name: "Sort Devices" }).selectOption({ label: "Sort: Device" });
  await page.getByRole("button", { name: "Rising" }).tap();
  await expect(cards.first()).toContainText("pv");
  await expect(cards.nth(1)).toContainText("meter499");
  for (let turn = 0; turn < 20 && (await cards.count()) < 500; turn += 1) {
    await page.evaluate(() => { scrollTo(0, document.body.scrollHeight); });
    await page.waitForTimeout(50);
  }
  await expect(cards).toHaveCount(500);
});

/** What is wider than the place that it has, with how much. */
function wider(page: Page): Promise<string[]> {
  return page.evaluate(() => {
    const root = document.scrollingElement ?? document.body;
    const found = root.scrollWidth > innerWidth ? [`the page: ${String(root.scrollWidth)}`] : [];
    for (const box of document.querySelectorAll(".table-box, .dialog-body, .card, .facts dd, .table td, pre, .note")) {
      if (box.clientWidth > 0 && box.scrollWidth > box.clientWidth + 1) found.push(`${box.className || box.tagName} ${box.textContent.slice(0, 40)}: ${String(box.scrollWidth)} in ${String(box.clientWidth)}`);
    }
    return found;
  });
}
