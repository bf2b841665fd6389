// Every colour on every ground that it may stand on, in both themes: read where it is written down, and as the browser shows it.

import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, test } from '@playwright/test';

import { open } from './made-up';

const GROUNDS = ['ground', 'surface', 'raised', 'sunken', 'hover'];
const TONES = ['accent', 'critical', 'warning', 'good', 'info'];
const KINDS = ['grid', 'pv', 'battery', 'load', 'ev', 'heat_pump', 'genset', 'unmeasured'];
const SERIES = Array.from({ length: 8 }, (_, index) => `series-${String(index + 1)}`);

/** What must be told apart, and by how much: text by 4.5 to 1, lines and shapes by 3 to 1 (WCAG 1.4.3, 1.4.11). */
const PAIRS: [colour: string, on: string, least: number][] = [
  ...['ink', 'ink-2', ...TONES].flatMap((ink) => GROUNDS.map((ground): [string, string, number] => [ink, ground, 4.5])),
  ...GROUNDS.map((ground): [string, string, number] => ['ink-3', ground, 4.5]),
  ...TONES.map((tone): [string, string, number] => [tone, `${tone}-soft`, 4.5]),
  ...TONES.flatMap((tone) => ['ink', 'ink-2'].map((ink): [string, string, number] => [ink, `${tone}-soft`, 4.5])),
  ['accent-ink', 'accent', 4.5],
  ...['line-strong', 'focus', ...KINDS, ...SERIES].flatMap((line) => ['ground', 'surface', 'raised'].map((ground): [string, string, number] => [line, ground, 3])),
];

const css = readFileSync(join(import.meta.dirname, '..', 'src', 'design', 'tokens.css'), 'utf8');
const light = colours(/^:root \{([^}]*)\}/m.exec(css)?.[1] ?? '');
const dark = { ...light, ...colours(/^:root\[data-theme="dark"\] \{([^}]*)\}/m.exec(css)?.[1] ?? '') };

test('dark says every colour that light has, once', () => {
  const block = /^:root\[data-theme="dark"\] \{([^}]*)\}/m.exec(css)?.[1] ?? '';
  expect(css.match(/#0e1114/g), 'the list of dark colours stands once').toHaveLength(1);
  expect(Object.keys(colours(block))).toEqual(Object.keys(light));
});

for (const [theme, tokens] of Object.entries({ light, dark })) {
  test(`${theme}: whatever stands on something can be told from it`, () => {
    const faint = PAIRS.flatMap(([colour, on, least]) => {
      const found = contrast(tokens[colour] ?? '', tokens[on] ?? '');
      return found >= least ? [] : [`${colour} on ${on}: ${found.toFixed(2)}, at least ${String(least)} is expected`];
    });
    expect(faint).toEqual([]);
  });

  test(`${theme} is shown where the system or a person wants it`, async ({ page }) => {
    const other = theme === 'dark' ? 'light' : 'dark';
    const shown = () => page.evaluate((names) => Object.fromEntries(names.map((name) => [name, getComputedStyle(document.documentElement).getPropertyValue(`--${name}`).trim().replace(/^#(.)(.)(.)$/, '#$1$1$2$2$3$3')])), Object.keys(tokens));
    const scheme = () => page.evaluate(() => getComputedStyle(document.documentElement).colorScheme);
    await page.emulateMedia({ colorScheme: theme as 'light' | 'dark' });
    await open(page, '#/settings');
    await expect(page.getByRole('heading', { level: 1 })).toBeVisible();
    expect(await shown()).toEqual(tokens);
    expect(await scheme()).toBe(theme);
    await page.emulateMedia({ colorScheme: other });
    await expect.poll(scheme, 'it goes with the system').toBe(other);
    await page.getByRole('button', { name: theme, exact: true }).click();
    await expect.poll(scheme, 'what was chosen goes before the system').toBe(theme);
    expect(await shown()).toEqual(tokens);
    await page.reload();
    await expect.poll(scheme, 'and is kept').toBe(theme);
  });
}

function colours(block: string): Record<string, string> {
  return Object.fromEntries([...block.matchAll(/--([\w-]+): (#[0-9a-f]{6});/g)].map(([, name = '', value = '']) => [name, value]));
}

function luminance(hex: string): number {
  const [r = 0, g = 0, b = 0] = [1, 3, 5].map((at) => {
    const part = parseInt(hex.slice(at, at + 2), 16) / 255;
    return part <= 0.04045 ? part / 12.92 : ((part + 0.055) / 1.055) ** 2.4;
  });
  return 0.2126 * r + 0.7152 * g + 0.0722 * b;
}

function contrast(a: string, b: string): number {
  const [x, y] = [luminance(a), luminance(b)].sort((p, q) => q - p) as [number, number];
  return (x + 0.05) / (y + 0.05);
}
