// The page in a real browser, the system's Chromium: in $CHROMIUM or on the path. What it saw stays in test-results.
import { accessSync, constants } from "node:fs";
import { delimiter, join } from "node:path";
import { defineConfig, devices } from "@playwright/test";

const NAMES = ["chromium", "chromium-browser", "google-chrome", "google-chrome-stable"];

function chromium(): string {
  const named = process.env.CHROMIUM;
  if (named !== undefined && named !== "") return named;
  const folders = (process.env.PATH ?? "").split(delimiter);
  const found = NAMES.flatMap((name) => folders.map((folder) => join(folder, name))).find((path) => {
    try {
      accessSync(path, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
  if (found !== undefined) return found;
  throw new Error("The tests need Chromium; it was not found on the path.\n  get it: apt-get install chromium (Debian), or say where it is: CHROMIUM=/path/to/chrome");
}

export default defineConfig({
  testDir: "test",
  outputDir: "test-results/kept",
  // Servers and devices of two tests at once are what two cores do.
  workers: 2,
  timeout: 60_000,
  expect: { timeout: 15_000 },
  forbidOnly: process.env.CI !== undefined,
  reporter: [["list"], ["json", { outputFile: "test-results/report.json" }]],
  use: {
    actionTimeout: 15_000,
    ...devices["Desktop Chrome"],
    viewport: { width: 1280, height: 800 },
    // The server's own certificate is not known to the browser.
    ignoreHTTPSErrors: true,
    screenshot: "only-on-failure",
    // Without its film: the picture of the failure and the page as it was then say enough.
    trace: { mode: "retain-on-failure", screenshots: false },
    launchOptions: {
      executablePath: chromium(),
      // Chromium's sandbox does not run as root, as a container's user mostly is.
      args: process.getuid?.() === 0 ? ["--no-sandbox"] : [],
    },
  },
});
