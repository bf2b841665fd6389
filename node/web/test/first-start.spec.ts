// From the link that the first start prints to a page that is signed in, and out, and in again.
import { expect, PASSWORD, test } from "./harness";

test("the first start's link makes an admin, once", async ({ page, start, shot, accessible }) => {
  const memcore = await start({ users: false, devices: 2 });
  const link = await memcore.firstLink();
  await page.goto(link);
  await expect(page.getByRole("heading", { name: "Set up this server" })).toBeVisible();
  await accessible();
  await shot("first-start");
  await page.getByLabel("User").fill("ada@example.org");
  await page.getByLabel("Password", { exact: true }).fill(PASSWORD);
  await page.getByLabel("Password once more").fill(`${PASSWORD}?`);
  await page.getByRole("button", { name: "Begin" }).click();
  await expect(page.getByText("The two are not the same")).toBeVisible();
  await page.getByLabel("Password once more").fill(PASSWORD);
  await page.getByRole("button", { name: "Begin" }).click();
  await expect(page.getByRole("link", { name: /home1/ }).first()).toBeVisible();
  await shot("first-start-done");

  // Nobody makes a second admin with it, and the link is no longer given out.
  expect(await memcore.server.firstLink()).toBeNull();
  await page.context().clearCookies();
  await page.goto("about:blank");
  await page.goto(link);
  await expect(page.getByRole("alert")).toBeVisible();
  await expect(page.getByLabel("Password", { exact: true })).toHaveCount(0);
});

test("whoever knows the password signs in, and nobody else", async ({ page, memcore, shot, accessible }) => {
  await page.goto(`${memcore.url}/`);
  await expect(page.getByLabel("User")).toBeVisible();
  await accessible();
  await shot("sign-in");
  await page.getByLabel("User").fill("viewer");
  await page.getByLabel("Password").fill("not the password");
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("alert")).toBeVisible();
  await page.getByLabel("Password").fill(PASSWORD);
  await page.getByRole("button", { name: "Sign in" }).click();
  await expect(page.getByRole("link", { name: /home1/ }).first()).toBeVisible();
  expect(page.url(), "no secret stays in the address").not.toContain("invitation");
});
