// Every view, light and dark, on a desk, a phone and a wall: it comes up, holds to the policy, can be used by everybody, and is kept as
// a picture to be looked at.
import { expect, test } from "./harness";

const SITE = ["live", "history", "energy", "control", "commands", "alarms", "devices", "doctor", "imports"];
const VIEWS = ["#/", ...SITE.map((view) => `#/local/home1${view === "live" ? "" : `/${view}`}`), "#/users", "#/tokens", "#/settings"];
const SCREENS = { desk: { width: 1280, height: 800 }, phone: { width: 390, height: 844 }, wall: { width: 1920, height: 1080 } };

const nameOf = (view: string): string => view.replace("#/local/home1", "live").replace("live/", "").replace("#/", "") || "overview";

for (const view of VIEWS) {
  test(`${nameOf(view)} in both themes and on every screen`, async ({ page, memcore, accessible, shot }) => {
    await memcore.signIn(page, "root", view);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    await expect(page.getByRole("heading", { level: 1 })).not.toHaveText("Not found");
    for (const colorScheme of ["light", "dark"] as const) {
      await page.emulateMedia({ colorScheme, reducedMotion: "reduce" });
      await expect(page.locator("html")).toHaveAttribute("data-theme", colorScheme);
      for (const [screen, size] of Object.entries(SCREENS)) {
        await page.setViewportSize(size);
        await settled(page);
        const overflow = await page.evaluate(() => document.documentElement.scrollWidth - document.documentElement.clientWidth);
        expect(overflow, `${screen}: nothing is wider than the screen`).toBeLessThanOrEqual(0);
        await shot(`${nameOf(view)}-${screen}-${colorScheme}`);
      }
      await page.setViewportSize(SCREENS.desk);
      await accessible(colorScheme === "dark" ? "colours" : "all");
    }
  });
}

/** Once what was asked for is there: no skeletons, no busy regions. */
async function settled(page: import("@playwright/test").Page): Promise<void> {
  await expect(page.locator("[aria-busy=true], .skeleton")).toHaveCount(0);
}
