// What comes from outside: text is never markup, a server that goes away is seen to be away, and each role is shown what it may do.
import { memcore as mc } from "./memcore";
import { expect, ROLES, test } from "./harness";

const MARKUP = `<img src=x onerror="document.title='run'"><script>document.title='run'</script>"'&amp;`;

test("names, notes and details that look like markup are shown as they are", async ({ page, start, shot }) => {
  const memcore = await start({ devices: 2 });
  const api = memcore.api;
  await api.post("/users", { user: "mallory", display_name: MARKUP, roles: { local: "viewer" } });
  await api.post("/tokens", { name: MARKUP, scopes: ["read"] });
  const watch = { kind: "threshold", series: "home1.evil.power", above: 10 };
  await api.post("/operators/local/alarm-rules", { name: MARKUP, severity: "critical", enabled: true, watch, notify: [] });
  const evil = await mc.connect(await memcore.server.enroll("home1.evil"), {
    channels: { power: { unit: "W", labels: { place: MARKUP }, writable: true, range: [0, 100] } },
    onCommand: () => {
      throw new Error(MARKUP);
    },
  });
  await evil.send(new Date(), { power: 50 });
  const refused = await memcore.server.command("home1.evil.power", 5);
  expect(refused.state).toBe("refused");
  const { items } = await expectAlarm(() => api.get<{ items: { id: string }[] }>("/operators/local/alarms"));
  await api.post(`/operators/local/alarms/${items[0]?.id ?? ""}/acknowledgement`, { note: MARKUP });

  await memcore.signIn(page);
  const seen = { "#/users": true, "#/tokens": true, "#/local/home1/alarms": true, "#/local/home1/commands": false, "#/local/home1/devices": false };
  for (const [hash, shown] of Object.entries(seen)) {
    await page.goto(`${memcore.url}/${hash}`);
    await expect(page.getByRole("heading", { level: 1 })).toBeVisible();
    if (shown) await expect(page.getByText(MARKUP).first()).toBeVisible();
    else await expect(page.getByText(/evil/).first()).toBeVisible();
    await expect(page.locator("img[src=x]")).toHaveCount(0);
    expect(await page.title()).not.toBe("run");
    await shot(`markup-${hash.split("/").at(-1) ?? ""}`);
  }
  await evil.close();
});

async function expectAlarm<T extends { items: unknown[] }>(ask: () => Promise<T>): Promise<T> {
  let page = await ask();
  await expect.poll(async () => (page = await ask()).items.length).toBeGreaterThan(0);
  return page;
}

test("a server that goes away is seen to be away, and its return too", async ({ page, start, shot }) => {
  const memcore = await start({ devices: 6 });
  await memcore.signIn(page, "viewer", "#/local/home1");
  await expect(page.getByText(/\bk?W\b/).first()).toBeVisible();
  await memcore.stop();
  await expect(page.getByText("No connection to the server")).toBeVisible({ timeout: 20_000 });
  await shot("offline");
  await memcore.again();
  await expect(page.getByText("No connection to the server")).toHaveCount(0, { timeout: 40_000 });
  await expect(page.getByText(/\bk?W\b/).first()).toBeVisible();
});

for (const role of ROLES) {
  test(`a ${role} is shown what a ${role} may do`, async ({ page, memcore }) => {
    await memcore.signIn(page, role, "#/local/home1");
    await expect(page.getByRole("navigation")).toBeVisible();
    const links = page.getByRole("navigation").getByRole("link");
    await expect(links.filter({ hasText: "Users" })).toHaveCount(0);
    await expect(links.filter({ hasText: "Imports" })).toHaveCount(role === "engineer" ? 1 : 0);
    const refused = await page.evaluate(async () => (await fetch("api/v1/users")).status);
    expect(refused).toBe(403);
  });
}

test("another site's page is given nothing, and can frame nothing", async ({ page, memcore }) => {
  const answer = await page.context().request.get(`${memcore.url}/`, { headers: { origin: "https://elsewhere.example" } });
  expect(answer.headers()["access-control-allow-origin"]).toBeUndefined();
  expect(answer.headers()["content-security-policy"]).toContain("frame-ancestors 'self'");
  expect(answer.headers()["x-content-type-options"]).toBe("nosniff");
});
