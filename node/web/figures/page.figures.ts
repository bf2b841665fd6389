// How soon the page can be used, what it loads for that, and how soon a year of minutes is drawn. Every load begins with an empty
// cache in a browser that runs already. Times are the browser's own: from the start of the navigation, or from the press of the button.
import { type Browser, type Page, test } from "@playwright/test";

import { Memcore, PASSWORD } from "../test/harness";

const ROUNDS = 9;
const MINUTES = 365 * 24 * 60;
/** Simulated on the same cores, each sending once a second. */
const DEVICES = Number(process.env.DEVICES ?? 500);
/** Nothing was drawn for so long: the drawing has come to rest. */
const QUIET_MS = 500;

declare global {
  interface Window {
    /** When the page could first be used, and when a chart was last drawn on. */
    figures: { usable: number | null; drawn: number; bytes: number };
  }
}

test("figures of the page", async ({ browser }) => {
  test.setTimeout(900_000);
  const memcore = await Memcore.start({ devices: DEVICES });
  try {
    const now = Math.floor(Date.now() / 60_000) * 60_000;
    const times = Array.from({ length: MINUTES }, (_, n) => new Date(now - (MINUTES - n) * 60_000));
    await memcore.server.mem.write("history.meter.power", times, times.map((_, n) => Math.round(2500 * Math.sin((n / 1440) * 2 * Math.PI) + ((n * 7919) % 601))), { unit: "W" });
    const rows: (readonly [string, string, string])[] = [];
    for (const [what, hash] of [["all sites", "#/"], ["a site, live", "#/local/home1"], ["its history", "#/local/home1/history"], ["its devices", "#/local/home1/devices"]] as const) {
      const loads = [];
      for (let round = 0; round < ROUNDS; round++) loads.push(await load(browser, memcore, hash));
      const times = loads.map((one) => one.usable);
      rows.push([what, `${round(median(times))} ms (${round(Math.min(...times))} to ${round(Math.max(...times))})`, `${round(median(loads.map((one) => one.bytes)) / 1e3)} kB`]);
    }
    const drawn = await drawYear(browser, memcore);
    console.log(["", "| what | usable after | loaded, compressed |", "|---|---|---|", ...rows.map((row) => `| ${row.join(" | ")} |`), "",
      `A year of 525,600 minutes, from the press of the button to the last stroke: first ${round(drawn[0] ?? NaN)} ms, then median ${round(median(drawn.slice(1)))} ms.`].join("\n"));
  } finally {
    await memcore.end();
  }
});

/** A first visit of one who is signed in. */
async function load(browser: Browser, memcore: Memcore, hash: string): Promise<{ usable: number; bytes: number }> {
  const page = await visitor(browser, memcore);
  const network = await page.context().newCDPSession(page);
  let bytes = 0;
  await network.send("Network.enable");
  network.on("Network.loadingFinished", (event) => { bytes += event.encodedDataLength; });
  await page.goto(`${memcore.url}/${hash}`);
  await page.waitForFunction(() => window.figures.usable !== null);
  const usable = await page.evaluate(() => window.figures.usable ?? NaN);
  const loaded = bytes;
  await page.context().close();
  return { usable, bytes: loaded };
}

/** The last year of a series, again and again from a day: nothing of it is known to the page the first time. */
async function drawYear(browser: Browser, memcore: Memcore): Promise<number[]> {
  const page = await visitor(browser, memcore);
  await page.goto(`${memcore.url}/#/local/history/history?series=history.meter.power`);
  await page.waitForFunction(() => window.figures.usable !== null);
  const took: number[] = [];
  for (let round = 0; round < ROUNDS; round++) {
    for (const [name, counts] of [["24 h", false], ["1 y", true]] as const) {
      const button = page.getByRole("button", { name, exact: true }).or(page.getByRole("radio", { name, exact: true }));
      const pressed = await button.evaluate((element: HTMLElement) => { const at = performance.now(); element.click(); return at; });
      await page.waitForFunction(([at, quiet]) => window.figures.drawn > at && performance.now() - window.figures.drawn > quiet, [pressed, QUIET_MS] as const);
      if (counts) took.push((await page.evaluate(() => window.figures.drawn)) - pressed);
    }
  }
  await page.context().close();
  return took;
}

/** A new browser's page that knows nothing but its session, and notes when it can be used and when it draws. */
async function visitor(browser: Browser, memcore: Memcore): Promise<Page> {
  const context = await browser.newContext({ ignoreHTTPSErrors: true, viewport: { width: 1280, height: 800 } });
  const page = await context.newPage();
  await context.request.post(`${memcore.url}/api/v1/session`, { data: { user: "root", password: PASSWORD } });
  await page.addInitScript(() => {
    window.figures = { usable: null, drawn: 0, bytes: 0 };
    // The heading and what stands below it are there, nothing is a placeholder any more, and the browser has come to paint it.
    const look = () => {
      if (window.figures.usable !== null || document.querySelector("h1") === null || document.querySelector(".skeleton") !== null) return;
      const at = performance.now();
      requestAnimationFrame(() => { setTimeout(() => { if (document.querySelector(".skeleton") === null) window.figures.usable ??= Math.max(at, performance.now()); }); });
    };
    new MutationObserver(look).observe(document, { subtree: true, childList: true, attributes: true });
    const canvas = CanvasRenderingContext2D.prototype as unknown as Record<"stroke", (this: CanvasRenderingContext2D) => void>;
    const { stroke } = canvas;
    canvas.stroke = function () { window.figures.drawn = performance.now(); stroke.call(this); };
  });
  return page;
}

const round = (value: number): string => value.toFixed(value < 10 ? 1 : 0);

function median(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return sorted[Math.floor(sorted.length / 2)] ?? NaN;
}
