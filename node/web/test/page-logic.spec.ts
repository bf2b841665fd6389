// What the page works out before it draws, without a browser.

import { expect, test } from '@playwright/test';

import { events } from '../src/api/sse';
import { ago, instant, offset, span } from '../src/times';
import { scaled, text } from '../src/units';
import { consumption, direction, shares, speed, withReading, word, type FlowNode } from '../src/views/live/flow';
import { DAY_US, HOUR_US, last, panned, zoomed } from '../src/views/history/horizon';
import { lineOf } from '../src/views/history/lines';
import { instantOf, label, stepFor, ticks } from '../src/views/history/ticks';
import { best, COLUMNS, columnUs, isWanted, levelOf, parentOf, slotsOf, type Slot, type Tile } from '../src/views/history/tiles';

const BERLIN = 'Europe/Berlin';
const s = (iso: string) => Date.parse(iso) / 1e3;

test.describe('numbers', () => {
  test('are scaled to what one reads, with their unit and a true minus', () => {
    expect(text(-1466, 'W')).toBe('−1.47 kW');
    expect(text(999, 'W')).toBe('999 W');
    expect(text(12_345_678, 'Wh')).toBe('12.3 MWh');
    expect(text(0.615, '1', { digits: 0 })).toBe('62 %');
    expect(text(21.5, 'degC')).toBe('21.5 °C');
    expect(text(1, 'on/off')).toBe('on');
    expect(text(null, 'W')).toBe('–');
    expect(scaled(1466, 'W', { signed: true }).text).toBe('+1.47');
  });

  test('that round to nothing have no direction', () => {
    expect(text(-0.001, 'W')).toBe('0.00 W');
    expect(text(0.001, 'W', { signed: true })).toBe('0.00 W');
  });
});

test.describe('times', () => {
  test('are told in the zone, and the two half past twos of autumn by their offset', () => {
    const [first, second] = [s('2026-10-25T00:30:00Z') * 1e6, s('2026-10-25T01:30:00Z') * 1e6];
    expect(instant(first, BERLIN)).toBe('2026-10-25 02:30:00');
    expect(instant(second, BERLIN)).toBe('2026-10-25 02:30:00');
    expect([offset(first, BERLIN), offset(second, BERLIN)]).toEqual(['+02:00', '+01:00']);
  });

  test('spans and ages are short', () => {
    expect(span(250_000)).toBe('250 ms');
    expect(span(7_500e6, 2)).toBe('2 h 5 min');
    expect(ago(0, 185e6)).toBe('3 min ago');
    expect(ago(10e6, 0)).toBe('in 10 s');
    expect(ago(1e6, 2e6)).toBe('now');
  });
});

test.describe('the flow of power', () => {
  const node = (kind: string, power_w: number | null, more: Partial<FlowNode> = {}): FlowNode =>
    ({ id: kind, kind, name: kind, power_w, soc: null, series: `home1.${kind}.power`, time_us: 1, stale: false, limit_w: null, target_w: null, ...more }) as FlowNode;

  test('is read off passive signs: import comes in, PV is negative and comes in, a battery that charges takes out', () => {
    expect([direction(node('grid', 1500)), word(node('grid', 1500))]).toEqual(['in', 'Importing']);
    expect([direction(node('grid', -1500)), word(node('grid', -1500))]).toEqual(['out', 'Exporting']);
    expect([direction(node('pv', -4000)), word(node('pv', -4000))]).toEqual(['in', 'Producing']);
    expect([direction(node('pv', 20)), word(node('pv', 20))]).toEqual(['out', 'Own use']);
    expect([direction(node('battery', 2000)), word(node('battery', 2000))]).toEqual(['out', 'Charging']);
    expect([direction(node('battery', -2000)), word(node('battery', -2000))]).toEqual(['in', 'Discharging']);
    expect([direction(node('load', 300)), word(node('load', 300))]).toEqual(['out', 'Using']);
    expect([direction(node('ev', -3000)), word(node('ev', -3000))]).toEqual(['in', 'Discharging']);
  });

  test('what is not measured is not idle, and what is next to nothing does not flow', () => {
    expect(word(node('pv', null))).toBe('Not measured');
    expect([direction(node('pv', -2)), word(node('pv', -2))]).toEqual(['none', 'Idle']);
  });

  test('the house uses what its loads take, and its ring shows where that comes from', () => {
    const nodes = [node('grid', 1000), node('pv', -3000), node('battery', 2500), node('load', 1200), node('ev', 300)];
    expect(consumption(nodes)).toBe(1500);
    expect(shares(nodes).map(({ kind, share }) => [kind, share])).toEqual([['grid', 0.25], ['pv', 0.75]]);
    expect(consumption([node('grid', 10)])).toBeNull();
  });

  test('a reading moves its node, and with it what is not explained', () => {
    const nodes = [node('grid', 1000), node('load', 800), node('unmeasured', 200, { series: null })];
    const next = withReading(nodes, new Map([['home1.load.power', { us: 5, value: 950 }]]));
    expect(next.map((one) => one.power_w)).toEqual([1000, 950, 50]);
    const late = withReading(nodes, new Map([['home1.load.power', { us: 0, value: 1 }]]));
    expect(late[1]?.power_w).toBe(800);
  });

  test('more power runs faster, on the scale of the site', () => {
    expect(speed(5000, 8000)).toBeGreaterThan(speed(500, 8000));
    expect(speed(500, 900)).toBeGreaterThan(speed(500, 90_000));
  });
});

test.describe('marks of the time axis', () => {
  test('stay on round hours of the wall clock on the day of 23 hours', () => {
    const found = ticks(s('2026-03-28T23:00:00Z'), s('2026-03-29T22:00:00Z'), { of: 'span', s: 10_800 }, BERLIN);
    const clocks = found.map((at) => instant(at * 1e6, BERLIN, false).slice(11));
    expect(clocks).toEqual(['00:00', '03:00', '06:00', '09:00', '12:00', '15:00', '18:00', '21:00', '00:00']);
  });

  test('on the day of 25 hours too, each at an instant of its own', () => {
    const found = ticks(s('2026-10-24T22:00:00Z'), s('2026-10-25T23:00:00Z'), { of: 'span', s: 3600 }, BERLIN);
    expect(found).toHaveLength(26);
    expect(new Set(found).size).toBe(26);
  });

  test('days begin at local midnight, whatever their length', () => {
    const found = ticks(s('2026-03-27T23:00:00Z'), s('2026-03-30T22:00:00Z'), { of: 'day', count: 1 }, BERLIN);
    expect(found.map((at) => instant(at * 1e6, BERLIN).slice(5))).toEqual(['03-28 00:00:00', '03-29 00:00:00', '03-30 00:00:00', '03-31 00:00:00']);
    expect(instantOf(s('2026-03-29T00:00:00Z'), BERLIN)).toBe(s('2026-03-28T23:00:00Z'));
  });

  test('are as coarse as they must be, and name the day where it begins', () => {
    expect(stepFor(50)).toEqual({ of: 'span', s: 60 });
    expect(stepFor(20 * 86_400)).toEqual({ of: 'month', count: 1 });
    expect(label(s('2026-06-01T22:00:00Z'), s('2026-06-01T16:00:00Z'), { of: 'span', s: 21_600 }, BERLIN)).toBe('00:00\n2 Jun');
    expect(label(s('2026-06-01T16:00:00Z'), s('2026-06-01T10:00:00Z'), { of: 'span', s: 21_600 }, BERLIN)).toBe('18:00');
    expect(label(s('2026-12-31T23:00:00Z'), s('2026-11-30T23:00:00Z'), { of: 'month', count: 1 }, BERLIN)).toBe('Jan\n2027');
  });
});

test.describe('tiles', () => {
  const tile = (slot: Slot, raw: boolean, askedUs = Infinity): Tile => {
    const timeUs = Array.from({ length: 8 }, (_, index) => slot.fromUs + (index * (slot.toUs - slot.fromUs)) / 8);
    const value = timeUs.map((us) => us % 1000);
    return { raw, timeUs, min: value, max: value, mean: value, askedUs };
  };
  const kept = (...slots: [Slot, Tile][]) => {
    const map = new Map(slots.map(([slot, one]) => [`${String(slot.level)} ${String(slot.index)}`, one]));
    return (slot: Slot) => map.get(`${String(slot.level)} ${String(slot.index)}`);
  };

  test('have about a column for each pixel, and cover what is in sight without holes', () => {
    const range = { fromUs: 0, toUs: DAY_US };
    const level = levelOf(range, 1000);
    expect(DAY_US / columnUs(level) / 1000).toBeGreaterThan(0.7);
    expect(DAY_US / columnUs(level) / 1000).toBeLessThan(1.5);
    const slots = slotsOf({ fromUs: 12_345, toUs: DAY_US }, level);
    expect(slots[0]?.fromUs).toBeLessThanOrEqual(12_345);
    expect(slots[slots.length - 1]?.toUs).toBeGreaterThanOrEqual(DAY_US);
    slots.slice(1).forEach((slot, index) => { expect(slot.fromUs).toBe(slots[index]?.toUs); });
  });

  test('until a tile is there, the nearest coarser one stands in for its range', () => {
    const slot: Slot = { level: 5, index: 6, fromUs: 6 * columnUs(5) * COLUMNS, toUs: 7 * columnUs(5) * COLUMNS };
    const up = parentOf(parentOf(slot));
    expect(up.fromUs).toBeLessThanOrEqual(slot.fromUs);
    expect(up.toUs).toBeGreaterThanOrEqual(slot.toUs);
    const coarse = tile(up, false);
    expect(best(slot, kept([up, coarse]))).toEqual([{ tile: coarse, range: slot }]);
    const own = tile(slot, false);
    expect(best(slot, kept([up, coarse], [slot, own]))).toEqual([{ tile: own, range: slot }]);
  });

  test('what is complete is not asked for again, nor what a raw tile has all of; the edge of the present is', () => {
    const slot: Slot = { level: 5, index: 6, fromUs: 6 * columnUs(5) * COLUMNS, toUs: 7 * columnUs(5) * COLUMNS };
    const now = slot.toUs + HOUR_US;
    expect(isWanted(slot, kept(), now)).toBe(true);
    expect(isWanted(slot, kept([slot, tile(slot, false)]), now)).toBe(false);
    expect(isWanted(slot, kept([parentOf(slot), tile(parentOf(slot), true)]), now)).toBe(false);
    expect(isWanted(slot, kept([parentOf(slot), tile(parentOf(slot), false)]), now)).toBe(true);
    expect(isWanted(slot, kept([slot, tile(slot, false, slot.fromUs + 1e6)]), slot.fromUs + 60e6)).toBe(true);
    expect(isWanted(slot, kept(), slot.fromUs - 1)).toBe(false);
  });

  test('a silence longer than the channel declares is a hole in the line', () => {
    const slot = slotsOf({ fromUs: 0, toUs: 1 }, levelOf({ fromUs: 0, toUs: 600e6 }, 600))[0];
    if (!slot) throw new Error('no slot');
    const timeUs = [0, 1, 2, 3, 60, 61, 62].map((at) => at * 1e6);
    const value = timeUs.map(() => 5);
    const one: Tile = { raw: true, timeUs, min: value, max: value, mean: value, askedUs: Infinity };
    const line = lineOf({ fromUs: 0, toUs: 600e6 }, 600, kept([slot, one]), undefined, { maxAgeUs: 10e6, cadenceUs: 1e6 });
    expect(line.time).toEqual([0, 1, 2, 3, 31.5, 60, 61, 62]);
    expect(line.mean).toEqual([5, 5, 5, 5, null, 5, 5, 5]);
    const held = lineOf({ fromUs: 0, toUs: 600e6 }, 600, kept([slot, one]), undefined, { maxAgeUs: 90e6, cadenceUs: null });
    expect(held.mean).not.toContain(null);
  });

  test('what arrives now goes on where the tiles end, and nothing stands twice', () => {
    const range = { fromUs: 0, toUs: 600e6 };
    const slot = slotsOf(range, levelOf(range, 600))[0];
    if (!slot) throw new Error('no slot');
    const one: Tile = { raw: true, timeUs: [0, 1e6, 2e6], min: [1, 2, 3], max: [1, 2, 3], mean: [1, 2, 3], askedUs: 0 };
    const line = lineOf(range, 600, kept([slot, one]), { us: [1e6, 2e6, 3e6, 4e6], value: [9, 9, 4, 5] }, { maxAgeUs: null, cadenceUs: 1e6 });
    expect(line.mean).toEqual([1, 2, 3, 4, 5]);
  });
});

test.describe('what is in sight', () => {
  const now = s('2026-06-01T00:00:00Z') * 1e6;

  test('keeps what is under the pointer where it is', () => {
    const { range } = zoomed({ range: { fromUs: now - DAY_US, toUs: now }, live: true }, 0.5, 0.25, now);
    expect(range.toUs - range.fromUs).toBe(DAY_US / 2);
    expect(range.fromUs + (range.toUs - range.fromUs) * 0.25).toBe(now - DAY_US * 0.75);
  });

  test('stays live when zoomed at its right edge, and goes from years to a second', () => {
    let horizon = last(365 * DAY_US, now);
    for (let turn = 0; turn < 60; turn += 1) horizon = zoomed(horizon, 0.7, 1, now);
    expect(horizon.live).toBe(true);
    expect(horizon.range).toEqual({ fromUs: now - 1e6, toUs: now });
  });

  test('moving stops where there is only future, and is no longer live', () => {
    const { range, live } = panned(last(DAY_US, now), 40, now);
    expect(live).toBe(false);
    expect(range.toUs).toBe(now + DAY_US / 10);
    expect(panned(last(DAY_US, now), -1, now).range.toUs).toBe(now - DAY_US);
  });
});

test('server-sent events are read whole, however their bytes are cut', async () => {
  const text = 'event: hello\ndata: {"a":1}\n\n: a comment\n\nevent: readings\nid: 7\ndata: {"b":\ndata: "ä"}\n\nevent: half';
  const bytes = new TextEncoder().encode(text);
  for (const size of [1, 3, 1000]) {
    const body = new ReadableStream<Uint8Array>({
      start(controller) {
        for (let at = 0; at < bytes.length; at += size) controller.enqueue(bytes.slice(at, at + size));
        controller.close();
      },
    });
    const found = [];
    for await (const event of events(body)) found.push(event);
    expect(found).toEqual([{ type: 'hello', id: null, data: '{"a":1}' }, { type: 'readings', id: '7', data: '{"b":\n"ä"}' }]);
  }
});
