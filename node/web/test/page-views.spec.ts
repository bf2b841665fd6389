// Signing in, all sites, the live flow and history, in a browser: what is seen, and what hands and keys do.

import AxeBuilder from '@axe-core/playwright';
import { expect, test as base, type Page } from '@playwright/test';

import { open, ORIGIN } from './made-up';

const test = base.extend<{ complaints: string[] }>({
  complaints: [async ({ page }, use) => {
    const complaints: string[] = [];
    page.on('pageerror', (error) => complaints.push(error.message));
    page.on('console', (message) => { if (/content.security.policy|refused to/i.test(message.text())) complaints.push(message.text()); });
    await use(complaints);
    expect(complaints).toEqual([]);
  }, { auto: true }],
});

/** What axe says: of everything, or of colours alone where all else was looked at. */
async function accessible(page: Page, colours = false): Promise<void> {
  const axe = new AxeBuilder({ page });
  const { violations } = await (colours ? axe.withRules(['color-contrast']) : axe.withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice'])).analyze();
  expect(violations.map(({ id, nodes }) => `${id}: ${nodes.map((node) => node.html).join('\n')}`)).toEqual([]);
}

const LOOKS = [
  { name: 'light', colorScheme: 'light', size: { width: 1440, height: 900 } },
  { name: 'dark', colorScheme: 'dark', size: { width: 1440, height: 900 } },
  { name: 'phone', colorScheme: 'light', size: { width: 390, height: 844 } },
  { name: 'wall', colorScheme: 'dark', size: { width: 3840, height: 2160 } },
] as const;

const VIEWS = [
  { name: 'overview', hash: '#/', seen: 'All sites' },
  { name: 'live', hash: '#/local/home1', seen: 'home1' },
  { name: 'history', hash: '#/local/home1/history', seen: 'History' },
] as const;

for (const { name, hash, seen } of VIEWS) {
  for (const look of LOOKS) {
    test(`${name} in ${look.name}: nothing for axe to say, nothing wider than the screen`, async ({ page }) => {
      await page.setViewportSize(look.size);
      await page.emulateMedia({ colorScheme: look.colorScheme });
      await open(page, hash);
      await expect(page.getByRole('heading', { level: 1, name: seen })).toBeVisible();
      await expect(page.locator('.skeleton')).toHaveCount(0);
      await accessible(page, look.name === 'dark');
      expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
      await page.screenshot({ path: `test-results/page/${name}-${look.name}.png`, fullPage: look.name === 'phone' });
    });
  }
}

test('a page on a wall, which only listens, keeps its session in use', async ({ page }) => {
  await page.clock.install();
  const { asked } = await open(page, '#/');
  await expect(page.getByRole('heading', { level: 1, name: 'All sites' })).toBeVisible();
  const before = asked.filter((path) => path === '/session').length;
  await page.clock.runFor('05:00');
  await expect.poll(() => asked.filter((path) => path === '/session').length).toBe(before + 2);
});

test('a wrong password is told, and the right one opens what was asked for', async ({ page }) => {
  await open(page, '#/local/home1', { signedIn: { yes: false } });
  await expect(page.getByRole('button', { name: 'Sign in with Keycloak' })).toBeVisible();
  await accessible(page);
  await page.getByLabel('User').fill('ada');
  await page.getByLabel('Password').fill('wrong');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('alert')).toContainText('user or password is not right');
  await page.getByLabel('Password').fill('right');
  await page.keyboard.press('Enter');
  await expect(page.getByRole('heading', { level: 1, name: 'home1' })).toBeVisible();
});

test('a session that ends elsewhere leads to the form, and says why', async ({ page }) => {
  const street = await open(page, '#/');
  await expect(page.getByRole('heading', { level: 1, name: 'All sites' })).toBeVisible();
  street.signedIn.yes = false;
  await expect(page.getByText('You were signed out')).toBeVisible({ timeout: 15_000 });
});

test('a link for one sign-in is spent by a press, and leaves the address', async ({ page }) => {
  await open(page, '#/invitation/sign_in', { signedIn: { yes: false } });
  await page.getByRole('button', { name: 'Continue' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'All sites' })).toBeVisible();
  expect(page.url()).not.toContain('invitation');
});

test('sites that need attention come first, and are found by name', async ({ page }) => {
  await open(page, '#/');
  await expect(page.locator('.site-card').first()).toContainText('critical');
  await page.getByRole('searchbox', { name: 'Search sites' }).fill('farm');
  await expect(page.locator('.site-card')).toHaveCount(1);
  await page.getByRole('button', { name: 'Table' }).click();
  await page.getByRole('link', { name: 'farm' }).click();
  await expect(page.getByRole('heading', { level: 1, name: 'farm' })).toBeVisible();
});

test('power flows the way its sign says, the dashes run, and numbers have units', async ({ page }) => {
  const at: Record<string, number> = { grid: 1500, pv: -4000, battery: 2000, ev: 0, heat_pump: 3000, load: 400, unmeasured: 100 };
  await open(page, '#/local/home1', { answers: { '/operators/local/sites/home1/flow': (answer) => withPower(answer, at) } });
  const way = (kind: string) => page.locator(`.flow-line[data-kind="${kind}"]`).getAttribute('data-way');
  await expect(page.locator('.flow-line')).toHaveCount(7);
  expect(await Promise.all(['grid', 'pv', 'battery', 'load', 'ev'].map(way))).toEqual(['in', 'in', 'out', 'out', 'none']);
  await expect(page.locator('[data-node="pv"]')).toContainText(/−4\s+kW/);
  await expect(page.locator('[data-node="pv"]')).toContainText('Producing');
  await expect(page.locator('[data-node="battery"]')).toContainText(/\+2\s+kW/);
  await expect(page.locator('[data-node="battery"]')).toContainText('Charging');
  expect(await rates(page)).toEqual([...(await rates(page))].filter((rate) => rate > 0));
  const [grid, load] = await Promise.all([rate(page, 'grid'), rate(page, 'load')]);
  expect(grid, 'more power runs faster').toBeGreaterThan(load);
  // The house at the end of each path, and dashes that go towards their smaller offset for what comes in.
  expect(await offsets(page, 'pv')).toEqual(['1.125rem', '0rem']);
  expect(await offsets(page, 'battery')).toEqual(['0rem', '1.125rem']);
  await expect(page.getByRole('table', { name: 'Power of each part' })).toContainText('Importing');
});

test('what is stale is grey, with its age, and does not flow', async ({ page }) => {
  await open(page, '#/local/home1');
  const card = page.locator('[data-node="heat_pump"]');
  await expect(card).toContainText(/stale, 1[12] min ago/);
  await expect(page.locator('.flow-line[data-kind="heat_pump"]')).toHaveAttribute('data-way', 'none');
});

test('with reduced motion nothing runs, and arrows show the way', async ({ page }) => {
  await page.emulateMedia({ reducedMotion: 'reduce' });
  await open(page, '#/local/home1');
  await expect(page.locator('.flow-line')).toHaveCount(7);
  expect(await rates(page)).toEqual([]);
  await expect(page.locator('.flow-line[data-way="in"] .flow-arrow').first()).toBeVisible();
});

test('a reading that arrives is seen at once', async ({ page }) => {
  const us = (Date.now() + 2_000) * 1e3;
  const live = `event: hello\ndata: {"now_us":${String(us)},"cursor":"1","resumed":true}\n\nevent: readings\nid: 2\ndata: {"series":["home1.pv.power"],"time_us":[${String(us)}],"value":[-6789]}\n\n`;
  await open(page, '#/local/home1', { live });
  await expect(page.locator('[data-node="pv"]')).toContainText(/−6.79\s+kW/);
});

test('a server that is gone is said to be gone, and its return is seen', async ({ page }) => {
  const street = await open(page, '#/local/home1', { live: `event: hello\ndata: {"now_us":${String(Date.now() * 1e3)},"cursor":"1","resumed":true}\n\n` });
  await expect(page.locator('.flow-line')).toHaveCount(7);
  street.offline = true;
  await expect(page.getByText('No connection to the server')).toBeVisible();
  street.offline = false;
  await expect(page.getByText('No connection to the server')).toBeHidden();
});

test('one gesture goes from a year to seconds, and asks for no more than it draws', async ({ page }) => {
  const street = await open(page, '#/local/home1/history?last=31536000&series=home1.meter.power');
  const plot = page.locator('.u-over');
  await expect(page.locator('.history-range')).toContainText('365 d');
  await drawn(page);
  const box = await plot.boundingBox();
  if (!box) throw new Error('no plot');
  await page.mouse.move(box.x + box.width * 0.5, box.y + box.height / 2);
  for (let turn = 0; turn < 40; turn += 1) await page.mouse.wheel(0, -240);
  await expect(page.locator('.history-range')).toContainText(/, \d+ s$/);
  expect(await page.evaluate(() => scrollY), 'the page does not scroll under it').toBe(0);
  await expect(page.locator('.plot-busy[data-busy]')).toHaveCount(0);
  const asked = street.asked.filter((path) => path.endsWith('/chart')).length;
  await expect(async () => {
    await page.getByRole('button', { name: 'Back to what was shown before' }).click();
    await expect(page.locator('.history-range')).toContainText('365 d', { timeout: 500 });
  }).toPass();
  await page.waitForTimeout(300);
  expect(street.asked.filter((path) => path.endsWith('/chart')).length, 'what was seen is kept').toBeLessThanOrEqual(asked + 1);
});

test('a drag chooses a span, a double click goes back, keys do all of it', async ({ page }) => {
  await open(page, '#/local/home1/history?last=86400&series=home1.meter.power');
  const range = page.locator('.history-range');
  await expect(range).toContainText('1 d');
  await drawn(page);
  const box = await page.locator('.u-over').boundingBox();
  if (!box) throw new Error('no plot');
  await page.mouse.move(box.x + box.width * 0.25, box.y + 60);
  await page.mouse.down();
  await page.mouse.move(box.x + box.width * 0.5, box.y + 60, { steps: 4 });
  await page.mouse.up();
  await expect(range).toContainText(/, (5 h 59|6 h)/);
  await page.mouse.dblclick(box.x + 50, box.y + 60);
  await expect(range).toContainText('1 d');
  await page.locator('.plot-box').focus();
  await page.keyboard.press('+');
  await expect(range).toContainText('14 h 24 min');
  await page.keyboard.press('Backspace');
  await expect(range).toContainText('1 d');
});

test('series are chosen by search, have axes of their own units, and stand in the address', async ({ page }) => {
  await open(page, '#/local/home1/history?series=home1.meter.power');
  await page.getByRole('button', { name: 'Series', exact: true }).click();
  await page.getByRole('searchbox', { name: /Search/ }).fill('state_of_charge');
  await page.getByRole('checkbox', { name: /home1.battery.soc/ }).check();
  await accessible(page);
  await page.keyboard.press('Escape');
  await expect(page.getByRole('table', { name: 'Values of the chart' })).toContainText('home1.battery.soc');
  await expect(page.getByRole('table', { name: 'Values of the chart' })).toContainText('%');
  await expect.poll(() => decodeURIComponent(page.url())).toContain('series=home1.meter.power,home1.battery.soc');
  await page.getByRole('button', { name: 'CSV' }).click();
  const link = await page.getByRole('link', { name: 'Download' }).getAttribute('href');
  const query = new URL(link ?? '', ORIGIN).searchParams;
  expect([query.get('format'), query.getAll('series')]).toEqual(['csv', ['home1.meter.power', 'home1.battery.soc']]);
});

test('all of it is reached by keyboard, past the navigation in one step', async ({ page }) => {
  await open(page, '#/');
  await expect(page.getByRole('heading', { level: 1, name: 'All sites' })).toBeVisible();
  await page.keyboard.press('Tab');
  await expect(page.getByRole('link', { name: 'Skip to content' })).toBeFocused();
  await page.keyboard.press('Enter');
  await expect(page.locator('#main')).toBeFocused();
});

/** The plot is made anew once units are known: what is to be pointed at is there after that. */
async function drawn(page: Page): Promise<void> {
  await expect(page.getByRole('table', { name: 'Values of the chart' })).toContainText(/\d\s*k?W/);
  await expect(page.locator('.plot-busy[data-busy]')).toHaveCount(0);
  await expect(page.locator('.u-over')).toBeVisible();
}

function withPower(answer: unknown, at: Record<string, number>): unknown {
  const flow = answer as { nodes: { kind: string }[] };
  return { ...flow, nodes: flow.nodes.map((node) => ({ ...node, power_w: at[node.kind], stale: false })) };
}

function rates(page: Page): Promise<number[]> {
  return page.evaluate(() => document.getAnimations().filter((one) => !(one instanceof CSSAnimation) && !(one instanceof CSSTransition)).map((one) => one.playbackRate));
}

function rate(page: Page, kind: string): Promise<number> {
  return page.locator(`.flow-line[data-kind="${kind}"] .flow-dashes`).evaluate((line) => line.getAnimations()[0]?.playbackRate ?? 0);
}

function offsets(page: Page, kind: string): Promise<unknown[]> {
  return page.locator(`.flow-line[data-kind="${kind}"] .flow-dashes`).evaluate((line) => {
    const effect = line.getAnimations()[0]?.effect;
    return effect instanceof KeyframeEffect ? effect.getKeyframes().map((frame) => frame.strokeDashoffset) : [];
  });
}
