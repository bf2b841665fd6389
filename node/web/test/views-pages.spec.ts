// Every view: seen in light, dark and on a phone, without a word of markup from outside, and without a complaint of axe.

import AxeBuilder from "@axe-core/playwright";
import { expect, type Page, test } from "@playwright/test";

import { open, XSS } from "./views-street";

const SITE = "#/local/home1";
const VIEWS: readonly (readonly [name: string, hash: string, seen: string])[] = [
  ["devices", `${SITE}/devices`, "500 at home1"],
  ["device", `${SITE}/devices?device=battery`, "Proofs"],
  ["commands", `${SITE}/commands`, "−2 kW for 15 minutes, then 0 W"],
  ["why", `${SITE}/commands?why=home1.battery`, "Decided: 2 kW"],
  ["control", `${SITE}/control`, "circuit garage"],
  ["plan", `${SITE}/control?tab=plan`, "planned"],
  ["plans", `${SITE}/control?tab=plans`, "Winter"],
  ["energy", `${SITE}/energy`, "Self-sufficiency"],
  ["alarms", `${SITE}/alarms`, "Too much"],
  ["rules", `${SITE}/alarms?tab=rules`, "Grid connection"],
  ["notifiers", `${SITE}/alarms?tab=notifiers`, "On duty"],
  ["doctor", `${SITE}/doctor`, "97 % sure"],
  ["imports", `${SITE}/imports`, "running.csv"],
  ["users", "#/users", "ben@example.org"],
  ["members", "#/users?tab=members", "Ben"],
  ["audit", "#/users?tab=audit", "command"],
  ["tokens", "#/tokens", "Dashboard"],
  ["settings", "#/settings", "Theme"],
  ["account", "#/settings?tab=account", "Your sessions"],
  ["server", "#/settings?tab=status", "gateway"],
  ["configuration", "#/settings?tab=configuration", "[http]"],
];

for (const [name, hash, seen] of VIEWS) {
  test(`${name} is shown: no markup from outside, no trouble in the console, nothing for axe to say`, async ({ page }) => {
    const trouble = listen(page);
    await page.emulateMedia({ colorScheme: "light", reducedMotion: "reduce" });
    await open(page, hash);
    await shown(page, seen);
    await settle(page);
    await page.screenshot({ path: `test-results/views/${name}-light.png` });
    expect(await complaints(page), "axe, light").toEqual([]);

    await page.emulateMedia({ colorScheme: "dark", reducedMotion: "reduce" });
    await expect(page.locator("html")).toHaveAttribute("data-theme", "dark");
    await settle(page);
    await page.screenshot({ path: `test-results/views/${name}-dark.png` });
    expect(await complaints(page, ["color-contrast"]), "axe, dark: what else it looks at is as in light").toEqual([]);

    await page.setViewportSize({ width: 390, height: 844 });
    await settle(page);
    await page.screenshot({ path: `test-results/views/${name}-phone.png` });
    const wider = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
    expect(wider, "wider than a phone").toBeLessThanOrEqual(0);
    expect(await page.evaluate(() => (window as { __hit?: number }).__hit), "markup from outside ran").toBeUndefined();
    expect(trouble).toEqual([]);
  });
}

test("names that are markup stand there as text", async ({ page }) => {
  await open(page, `${SITE}/alarms`);
  await expect(page.getByText(`Too much ${XSS}`).first()).toBeVisible();
  expect(await page.locator("img[src=x]").count()).toBe(0);
});

export async function shown(page: Page, text: string): Promise<void> {
  await expect(page.getByRole("main").getByText(text).or(page.getByRole("main").getByLabel(text)).first()).toBeVisible();
}

function listen(page: Page): string[] {
  const trouble: string[] = [];
  page.on("console", (message) => { if (message.type() === "error") trouble.push(message.text()); });
  page.on("pageerror", (error) => { trouble.push(String(error)); });
  return trouble;
}

/** Two frames: charts are drawn after their place is. */
async function settle(page: Page): Promise<void> {
  await page.evaluate(() => new Promise((done) => { requestAnimationFrame(() => { requestAnimationFrame(done); }); }));
}

/** What axe says: of everything, or by these rules alone. */
async function complaints(page: Page, rules: string[] = []): Promise<string[]> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (rules.length > 0 ? axe.withRules(rules) : axe.withTags(["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"])).analyze();
  return violations.map((each) => `${each.id}: ${each.nodes.map((node) => `${node.target.join(" ")} ${node.any[0]?.message ?? ""}`).slice(0, 4).join(" | ")}`);
}
