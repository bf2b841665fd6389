// From the link that the first start prints to a page that is signed in, and out, and in again.
import { expect, PASSWORD, test } from "./harness";

test("the first start's link makes an admin, once", async ({ page, start, shot, accessible }) => {
  const memcore = await start({ users: false, devices: 2 });
  const link = await memcore.firstLink();
  await page.goto(link);
  await expect(page.getByLabel(/^user/i)).toBeVisible();
  await accessible();
  await shot("first-start");
  await page.getByLabel(/^user/i).fill("ada@example.org");
  await page.getByLabel(/^(new )?password/i).fill(PASSWORD);
  const again = page.getByLabel(/(again|repeat)/i);
  if (await again.isVisible()) await again.fill(PASSWORD);
  await page.getByRole("button", { name: /create|start|set/i }).click();
  await expect(page.getByText("home1").first()).toBeVisible();
  await shot("first-start-done");

  // Nobody makes a second admin with it, and the link is no longer given out.
  expect(await memcore.server.firstLink()).toBeNull();
  await page.context().clearCookies();
  await page.goto("about:blank");
  await page.goto(link);
  await expect(page.getByText(/no longer|not (known|valid)|used|expired/i).first()).toBeVisible();
});

test("whoever knows the password signs in, and nobody else", async ({ page, memcore, shot, accessible }) => {
  await page.goto(`${memcore.url}/`);
  await expect(page.getByLabel(/^user/i)).toBeVisible();
  await accessible();
  await shot("sign-in");
  await page.getByLabel(/^user/i).fill("viewer");
  await page.getByLabel(/^password/i).fill("not the password");
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByLabel(/^password/i).fill(PASSWORD);
  await page.getByRole("button", { name: /sign in/i }).click();
  await expect(page.getByText("home1").first()).toBeVisible();
});
