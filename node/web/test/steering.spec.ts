// On a real server with simulated devices: what flows moves, one gesture zooms, a command is confirmed and carried out.
import { expect, test } from "./harness";

test("what flows is live, and points the way it flows", async ({ page, memcore, shot }) => {
  await memcore.signIn(page, "viewer", "#/local/home1");
  const flow = page.locator("main");
  await expect(flow.getByText(/\d.*\bk?W\b/).first()).toBeVisible();
  const texts = new Set<string>();
  await expect.poll(async () => texts.add(await flow.innerText()).size, { message: "values change as they arrive" }).toBeGreaterThan(2);
  await expect(page.locator(".flow-line[data-kind=load], .flow-line[data-kind=battery], .flow-line[data-kind=grid]").first()).toBeAttached();
  await shot("flow");
});

test("one gesture zooms history, and the address keeps where one is", async ({ page, memcore, shot }) => {
  await memcore.signIn(page, "viewer", "#/local/home1/history?series=home1.house.power");
  const plot = page.locator(".u-over").first();
  await expect(plot).toBeVisible();
  await shot("history");
  const before = page.url();
  await plot.hover();
  await page.mouse.wheel(0, -600);
  await expect.poll(() => page.url()).not.toBe(before);
  await shot("history-zoomed");
});

test("a battery is told to give 2 kW: said, confirmed, carried out, in the audit trail", async ({ page, memcore, shot }) => {
  await memcore.signIn(page, "operator", "#/local/home1/commands?series=home1.battery.power");
  const dialog = page.getByRole("dialog");
  await dialog.getByLabel("Value, in kW").fill("-2");
  await dialog.getByRole("button", { name: "Go on" }).click();
  await expect(dialog.getByText(/−2 kW \(discharging\)/).first()).toBeVisible();
  await shot("command-confirmation");
  await dialog.getByRole("button", { name: /^Send to/ }).click();
  await expect(dialog.getByText(/Carried out|Control/).first()).toBeVisible();
  await shot("command-sent");
  const { items } = await memcore.api.get<{ items: { series: string; value: number; by: string | null }[] }>("/operators/local/sites/home1/commands");
  expect(items[0]).toMatchObject({ series: "home1.battery.power", value: -2000 });
  expect(items[0]?.by).toContain("operator");
});
