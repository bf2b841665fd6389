// From and to of history: typed, chosen from the calendar, kept in the address, and told what is wrong beside them.

import AxeBuilder from '@axe-core/playwright';
import { expect, type Page, test } from '@playwright/test';

import { calendarRange, checkWalls, instantOfWall, wallOf } from '../src/views/history/wall';
import { open, ORIGIN } from './made-up';

const BERLIN = 'Europe/Berlin';
const us = (iso: string) => Date.parse(iso) * 1e3;
const HISTORY = '#/local/home1/history?series=home1.meter.power';

test.use({ timezoneId: BERLIN });

test.describe('the wall clock of a zone', () => {
  const now = us('2026-11-26T12:00:00Z');

  test('is read, and written as it was read', () => {
    expect(instantOfWall('2026-11-26T10:35', BERLIN)).toBe(us('2026-11-26T09:35:00Z'));
    expect(instantOfWall('2026-07-01T10:35:07', BERLIN)).toBe(us('2026-07-01T08:35:07Z'));
    expect(wallOf(us('2026-11-26T09:35:00Z'), BERLIN, false)).toBe('2026-11-26T10:35');
    expect(instantOfWall('', BERLIN)).toBeNull();
    expect(instantOfWall('tomorrow', BERLIN)).toBeNull();
  });

  test('what is wrong is said at its field', () => {
    const wrong = (from: string, to: string) => checkWalls({ from, to }, BERLIN, now).wrong;
    expect(wrong('', '2026-11-26T10:00')).toEqual({ from: 'A whole date and time is expected.' });
    expect(wrong('2026-11-26T10:00', '2026-11-26T10:00')).toEqual({ to: 'It must lie after the time before it.' });
    expect(wrong('2026-11-26T10:00', '2026-11-25T10:00')).toEqual({ to: 'It must lie after the time before it.' });
    expect(wrong('2027-01-01T00:00', '2027-01-02T00:00').from).toContain('future');
    expect(wrong('0026-01-01T00:00', '2026-01-02T00:00').from).toContain('whole date');
    expect(wrong('1990-01-01T00:00', '2026-01-02T00:00').from).toContain('20 years');
    expect(wrong('2026-03-29T02:30', '2026-03-29T04:00').from).toContain('does not exist');
    expect(checkWalls({ from: '2026-10-25T00:00', to: '2026-10-26T00:00' }, BERLIN, now).range).toEqual({ fromUs: us('2026-10-24T22:00:00Z'), toUs: us('2026-10-25T23:00:00Z') });
  });

  test('days, weeks from Monday on and months are whole, also when clocks change', () => {
    const range = (which: 'today' | 'yesterday' | 'week' | 'month', at: string) => {
      const { fromUs, toUs } = calendarRange(which, BERLIN, us(at));
      return [wallOf(fromUs, BERLIN, false), wallOf(toUs, BERLIN, false)];
    };
    expect(range('today', '2026-10-25T12:00:00Z')).toEqual(['2026-10-25T00:00', '2026-10-26T00:00']);
    expect(range('yesterday', '2026-03-01T00:30:00Z')).toEqual(['2026-02-28T00:00', '2026-03-01T00:00']);
    expect(range('week', '2026-11-26T12:00:00Z')).toEqual(['2026-11-23T00:00', '2026-11-30T00:00']);
    expect(range('month', '2026-12-31T23:30:00Z')).toEqual(['2027-01-01T00:00', '2027-02-01T00:00']);
  });
});

test('from and to are typed, and the address shows the same to others and after a reload', async ({ page }) => {
  await open(page, HISTORY);
  await expect(page.getByText(`Times of ${BERLIN}`)).toBeVisible();
  await page.getByLabel('From', { exact: true }).fill('2026-11-20T08:00');
  await page.getByLabel('To', { exact: true }).fill('2026-11-20T14:30');
  await page.getByRole('button', { name: 'Show', exact: true }).click();
  const said = page.locator('.history-range');
  await expect(said).toHaveText('2026-11-20 08:00 to 2026-11-20 14:30 (UTC+01:00), 6 h 30 min');
  await expect.poll(() => address(page)).toMatchObject({ from: '2026-11-20T07:00:00Z', to: '2026-11-20T13:30:00Z' });
  await page.reload();
  await expect(said).toContainText('2026-11-20 08:00 to 2026-11-20 14:30');
  await expect(page.getByLabel('To', { exact: true })).toHaveValue('2026-11-20T14:30');

  // A link that somebody sent, opened where the view is open already.
  await page.evaluate(() => { location.hash = '#/local/home1/history?series=home1.pv.power&from=2026-11-01T00:00:00Z&to=2026-11-02T00:00:00Z'; });
  await expect(said).toContainText('2026-11-01 01:00 to 2026-11-02 01:00');
  await expect(page.getByRole('table', { name: 'Values of the chart' })).toContainText('home1.pv.power');
  await page.getByRole('button', { name: 'Back to what was shown before' }).click();
  await expect(said).toContainText('2026-11-20 08:00 to 2026-11-20 14:30');
});

test('it goes by keyboard alone: enter shows, escape takes back, and a live chart leaves the field alone', async ({ page }) => {
  await open(page, HISTORY);
  const from = page.getByLabel('From', { exact: true });
  const before = await from.inputValue();
  await from.focus();
  await page.waitForTimeout(1_500);
  await page.keyboard.type('11012026');
  await expect(from).toHaveValue(/^2026-11-01T/);
  await page.keyboard.press('Escape');
  await expect(from).not.toHaveValue(/^2026-11-01T/);
  expect((await from.inputValue()).slice(0, 10)).toBe(before.slice(0, 10));
  await page.keyboard.press('Home');
  await from.fill('2026-11-01T00:00');
  await page.keyboard.press('Enter');
  await expect(page.locator('.history-range')).toContainText('2026-11-01 00:00 to');
});

test('what is wrong is said beside the field, and nothing else is shown for it', async ({ page }) => {
  await open(page, `${HISTORY}&from=2026-11-20T07:00:00Z&to=2026-11-20T13:00:00Z`);
  const said = page.locator('.history-range');
  await expect(said).toContainText('2026-11-20 08:00');
  const to = page.getByLabel('To', { exact: true });
  await to.fill('2026-11-19T08:00');
  await page.keyboard.press('Enter');
  await expect(to).toHaveAttribute('aria-invalid', 'true');
  await expect(to).toHaveAccessibleDescription('It must lie after the time before it.');
  const { violations } = await new AxeBuilder({ page }).withTags(['wcag2a', 'wcag2aa', 'wcag21a', 'wcag21aa', 'wcag22aa', 'best-practice']).analyze();
  expect(violations.map((each) => each.id)).toEqual([]);
  await page.screenshot({ path: 'test-results/page/history-span.png' });
  await to.focus();
  await page.keyboard.press('Delete');
  await page.keyboard.press('Enter');
  await expect(to).toHaveAccessibleDescription('A whole date and time is expected.');
  await expect(said).toContainText('2026-11-20 08:00 to 2026-11-20 14:00');
  await to.fill('2026-11-20T10:00');
  await expect(to).not.toHaveAttribute('aria-invalid');
  await page.keyboard.press('Enter');
  await expect(said).toContainText('2026-11-20 08:00 to 2026-11-20 10:00');
});

test('a day of the calendar is one press', async ({ page }) => {
  await open(page, HISTORY);
  await page.getByRole('button', { name: 'Yesterday' }).click();
  await expect(page.getByRole('button', { name: 'Yesterday' })).toHaveAttribute('aria-pressed', 'true');
  await expect(page.locator('.history-range')).toContainText(/ 00:00 to \S+ 00:00 /);
  await expect(page.getByRole('group', { name: 'Span' }).locator('[aria-pressed=true]')).toHaveCount(0);
  await page.setViewportSize({ width: 390, height: 844 });
  await page.reload();
  await page.getByText('From and to', { exact: true }).click();
  await expect(page.getByLabel('From', { exact: true })).toBeVisible();
  await page.screenshot({ path: 'test-results/page/history-span-phone.png', fullPage: true });
  expect(await page.evaluate(() => document.documentElement.scrollWidth <= innerWidth)).toBe(true);
});

function address(page: Page): Record<string, string> {
  return Object.fromEntries(new URL(page.url().replace('#', ''), ORIGIN).searchParams);
}
