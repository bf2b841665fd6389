import { expect, test } from '@playwright/test';

import { byUrgency, emptyForm, formOf, ruleOf, watchWords } from '../src/views/alarms/rules';
import { clock, parseSpan, spanWords, writeSpan } from '../src/views/commands/span';
import { stepsOf } from '../src/views/commands/why';
import { checkDraft, commandSentence, endRequest, isHolding, lifeSteps, newDraft, renewRequest, sentence, stateWords } from '../src/views/commands/words';
import { withLatest } from '../src/views/devices/merge';
import { snippet } from '../src/views/devices/snippets';
import { stepped } from '../src/views/plans/stepped';
import { named, title } from '../src/views/settings/named';
import { asked, dayIn, reachName, shift, startOf, step } from '../src/views/energy/period';
import { csv } from '../src/views/energy/csv';
import type { BalanceRow, Channel, Command } from '../src/views/shapes';
import { chosen, counts } from '../src/views/devices/list';
import { handyUnit, parseNumber, said } from '../src/views/units';
import { atLeast, roleAt, usefulScopes } from '../src/views/users/roles';

const battery: Channel = {
  series: 'home1.battery.power', device: 'battery', channel: 'power', quantity: 'power', unit: 'W', kind: 'gauge', writable: true,
  range: { low: -5000, high: 5000 }, rules: { fallback: 0, hold_us: null, min_on_us: null, min_off_us: null, ramp_per_s: null }, latest: null, stale: false, sign: 'passive', labels: {}, cadence_us: null, max_age_us: null,
};

test.describe('what people type', () => {
  test('a span is read as the API reads it, and said in words', () => {
    expect(parseSpan('15m')).toBe(900e6);
    expect(parseSpan('15min')).toBe(900e6);
    expect(parseSpan('1h30m')).toBe(5400e6);
    expect(parseSpan('250ms')).toBe(250e3);
    for (const none of ['', '15', 'm', '-5m', '5 m', '1h x']) expect(parseSpan(none)).toBeUndefined();
    expect(writeSpan(5400e6)).toBe('90m');
    expect(writeSpan(86400e6)).toBe('1d');
    expect(spanWords(900e6)).toBe('15 minutes');
    expect(spanWords(5461e6)).toBe('1 hour 31 minutes');
    expect(clock(899.2e6)).toBe('15:00');
    expect(clock(3661e6)).toBe('1:01:01');
    expect(clock(-5)).toBe('0:00');
  });

  test('a number takes a comma and a true minus, and never half a word', () => {
    expect(parseNumber('-2,5')).toBe(-2.5);
    expect(parseNumber('−2')).toBe(-2);
    for (const none of ['', '2kW', '1.2.3', '--2', 'NaN', 'Infinity', '1e999']) expect(parseNumber(none)).toBeUndefined();
  });

  test('values are said with their unit', () => {
    expect(said(-2000, 'W')).toBe('−2 kW');
    expect(said(800, 'W')).toBe('800 W');
    expect(said(0, 'W')).toBe('0 W');
    expect(said(0.453, '1', 'state_of_charge')).toBe('45.3 %');
    expect(said(1, 'on/off')).toBe('on');
    expect(said(null, 'W')).toBe('not known');
    expect(handyUnit('W', 'power', 5000).unit).toBe('kW');
    expect(handyUnit('A', 'current', 16).unit).toBe('A');
  });
});

test.describe('commands', () => {
  test('two kilowatts of discharge for a quarter of an hour', () => {
    const { request, problems } = checkDraft(battery, { ...newDraft(battery, 'kW'), value: '-2' });
    expect(problems).toEqual({});
    expect(request).toEqual({ series: 'home1.battery.power', value: -2000, within: '30s', lease: '15m', fallback: 0 });
    if (request) expect(sentence(request, battery)).toBe('−2 kW (discharging) for 15 minutes, then 0 W.');
  });

  test('what the channel does not take is said at its field', () => {
    const { request, problems } = checkDraft(battery, { value: '6', unit: 'kW', lease: 'soon', fallback: 'x', within: '0s', safety: true });
    expect(request).toBeUndefined();
    expect(problems.value).toContain('−5 kW to 5 kW');
    expect(Object.keys(problems).sort()).toEqual(['fallback', 'lease', 'safety', 'value', 'within']);
  });

  test('only zero or what was declared safe leaves for safety', () => {
    const draft = { ...newDraft(battery, 'W'), safety: true, lease: '' };
    expect(checkDraft(battery, { ...draft, value: '0' }).request?.safety).toBe(true);
    expect(checkDraft(battery, { ...draft, value: '1' }).problems.safety).toContain('0 W');
  });

  const command: Command = {
    id: 'c1', series: 'home1.battery.power', device: 'battery', value: -2000, unit: 'W', lease_us: 900e6, fallback: 0, safety: false, by: 'anna', issued_us: 0,
    expires_us: 30e6, state: 'done', ended: true, ended_us: 2e6, read_back: -1990, stands: true, lease_ends_us: 902e6,
  };

  test('its life is told: done with what was read back, refused with the reason, unknown with a warning', () => {
    expect(commandSentence(command)).toBe('−2 kW for 15 minutes, then 0 W');
    expect(stateWords(command)).toBe('Carried out; the device reads −1990 W.'.replace('−1990 W', '−1.99 kW'));
    expect(stateWords({ ...command, state: 'refused', reason: 'min_off' })).toContain('min_off');
    expect(stateWords({ ...command, state: 'unknown', read_back: null })).toContain('may or may not');
    expect(lifeSteps('accepted').map((each) => each.reached)).toEqual([true, true, true, false]);
    expect(lifeSteps('refused').at(-1)).toEqual({ name: 'refused', reached: true, bad: true });
  });

  test('what holds can be renewed and ended; what was refused or has run out cannot', () => {
    expect(isHolding(command, 901e6)).toBe(true);
    expect(isHolding(command, 902e6)).toBe(false);
    expect(isHolding({ ...command, state: 'refused' }, 0)).toBe(false);
    expect(isHolding({ ...command, stands: false }, 0)).toBe(false);
    expect(isHolding({ ...command, lease_us: null, lease_ends_us: null }, 1e15)).toBe(true);
    const wished = { ...command, lease_ends_us: null, steered: { ordered: -2000, lease_us: 60e6, until_us: 900e6, note: null } };
    expect(isHolding(wished, 899e6), 'what control made a wish of ends with the wish').toBe(true);
    expect(isHolding(wished, 900e6)).toBe(false);
    expect(renewRequest(command)).toEqual({ series: 'home1.battery.power', value: -2000, within: '30s', lease: '15m', fallback: 0 });
    expect(endRequest({ ...command, fallback: -500 })).toEqual({ series: 'home1.battery.power', value: -500, within: '30s' });
  });

  test('why: readings, the wish, what limited it, the decision and the answer, in that order', () => {
    const steps = stepsOf({
      asked: 'battery', at_us: 0, sentence: '', text: [],
      decided: {
        time_us: 0, asset: 'battery', role: 'battery', target: 'home1.battery.power', power_w: 2000, low_w: -5000, high_w: 5000,
        wish: { actor: 'planner', priority: 50, power_w: 5000, reason: 'price is low' }, limits: [{ by: 'circuit garage', from_w: 5000, to_w: 2000 }],
        inputs: [{ series: 'home1.grid.power', what: 'power', value: 1200, age_us: 2e6 }], command: 'c1', value: 2000,
      },
      answered: { time_us: 1, asset: 'battery', command: 'c1', value: 2000, state: 'done', read_back: 1990 },
    });
    expect(steps.map((each) => each.kind)).toEqual(['measured', 'wish', 'limit', 'limit', 'decided', 'order', 'answer']);
    expect(steps[3]).toEqual({ kind: 'limit', title: '5 kW became 2 kW', detail: 'circuit garage' });
  });
});

test.describe('energy', () => {
  test('days of a zone begin at its midnight, also when clocks change', () => {
    const berlin = 'Europe/Berlin';
    expect(startOf(berlin, { year: 2026, month: 3, day: 29 }).toISOString()).toBe('2026-03-28T23:00:00.000Z');
    expect(startOf(berlin, { year: 2026, month: 3, day: 30 }).toISOString()).toBe('2026-03-29T22:00:00.000Z');
    const day = asked('day', { year: 2026, month: 3, day: 29 }, berlin);
    expect(day.to.getTime() - day.from.getTime()).toBe(23 * 3_600_000);
    // In Santiago midnight itself is skipped: the day begins at one.
    const santiago = startOf('America/Santiago', { year: 2026, month: 9, day: 6 });
    expect(dayIn('America/Santiago', santiago)).toEqual({ year: 2026, month: 9, day: 6 });
    expect(santiago.toISOString()).toBe('2026-09-06T04:00:00.000Z');
    expect(dayIn('Pacific/Auckland', new Date('2026-01-01T12:00:00Z'))).toEqual({ year: 2026, month: 1, day: 2 });
  });

  test('a month after the 31st is the last of the next', () => {
    expect(shift({ year: 2026, month: 1, day: 31 }, 0, 1, 0)).toEqual({ year: 2026, month: 2, day: 28 });
    expect(step('year', { year: 2024, month: 2, day: 29 }, 1)).toEqual({ year: 2025, month: 2, day: 28 });
    expect(step('day', { year: 2026, month: 12, day: 31 }, 1)).toEqual({ year: 2027, month: 1, day: 1 });
    expect(reachName('month', { year: 2026, month: 11, day: 26 })).toBe('November 2026');
    expect(asked('month', { year: 2026, month: 1, day: 31 }, 'UTC').to.toISOString()).toBe('2026-02-01T00:00:00.000Z');
  });

  const row = (values: Partial<BalanceRow>): BalanceRow => ({
    from_us: 0, to_us: 3600e6, import_wh: 0, export_wh: 0, produced_wh: 0, charged_wh: 0, discharged_wh: 0, consumed_wh: 0, unexplained_wh: 0, coverage: 1,
    self_consumption: null, self_sufficiency: null, cost: null, revenue: null, ...values,
  });

  test('a CSV has its units in the names and leaves out what is not known', () => {
    const text = csv({ currency: 'EUR', rows: [row({ import_wh: null, cost: 1.5 })] });
    const [head, line] = text.split('\n');
    expect(head).toContain('import_wh');
    expect(head).toContain('cost_eur');
    expect(line).toBe('1970-01-01T00:00:00.000Z,1970-01-01T01:00:00.000Z,,0,0,0,0,0,0,1,,,1.5,');
  });
});

test.describe('alarm rules', () => {
  test('a rule goes through its form unchanged', () => {
    for (const watch of [
      { kind: 'threshold', series: 'home1.*.power', above: 11, clear_margin: 0.5, unit: 'kW', for: '30s' },
      { kind: 'store_read_only' },
      { kind: 'rate', series: 'home1.tank.temperature', falls_per_minute: 2 },
      { kind: 'stale', series: 'home1.meter.power', after: '5m' },
      { kind: 'offline', devices: 'home1.*', after: '10m' },
      { kind: 'balance', site: 'home1', above_w: 500, for: '15m' },
    ] as const) {
      const rule = {
        name: 'x', severity: 'critical' as const, enabled: false, watch, notify: ['n1'], remind: '1h',
        quiet: { from: '22:00', to: '07:00', zone: 'UTC', lets_through: 'critical' as const },
      };
      expect(ruleOf(formOf(rule, 'UTC', 'home1'))).toEqual({ rule, problems: {} });
    }
  });

  test('what is missing is said at its field', () => {
    expect(Object.keys(ruleOf(emptyForm('UTC', 'home1')).problems).sort()).toEqual(['above', 'name', 'series']);
    const form = { ...emptyForm('UTC', 'home1'), name: 'x', series: 's', above: '5', below: '9' };
    expect(Object.keys(ruleOf(form).problems)).toEqual(['below']);
    expect(Object.keys(ruleOf({ ...form, below: '', quiet: true, quietTo: '25:00' }).problems)).toEqual(['quietTo']);
  });

  test('and is said in words', () => {
    expect(watchWords({ kind: 'threshold', series: 'home1.grid.power', above: 11000, unit: 'W', for: '30s', clear_margin: 500 }))
      .toBe('home1.grid.power is above 11000 W for 30 seconds, cleared 500 W inside the limit');
    expect(watchWords({ kind: 'offline', devices: 'home1.*', after: '10m' })).toBe('home1.* is offline for 10 minutes');
  });

  test('what is urgent and open stands first', () => {
    const alarm = (severity: 'info' | 'warning' | 'critical', state: string, raised_us: number) => ({ severity, state, raised_us });
    const sorted = byUrgency([alarm('critical', 'cleared', 9), alarm('info', 'raised', 1), alarm('critical', 'raised', 1), alarm('critical', 'raised', 2)]);
    expect(sorted.map((each) => [each.severity, each.state, each.raised_us])).toEqual([
      ['critical', 'raised', 2], ['critical', 'raised', 1], ['info', 'raised', 1], ['critical', 'cleared', 9],
    ]);
  });
});

test.describe('people', () => {
  test('the higher of the role here and the role everywhere counts', () => {
    expect(roleAt({ '*': 'viewer', local: 'engineer' }, 'local')).toBe('engineer');
    expect(roleAt({ '*': 'admin', local: 'viewer' }, 'local')).toBe('admin');
    expect(roleAt({ acme: 'admin' }, 'local')).toBeUndefined();
    expect(atLeast('operator', 'engineer')).toBe(false);
    expect(atLeast(undefined, 'viewer')).toBe(false);
    expect(usefulScopes({ local: 'operator' })).toEqual(['read', 'command']);
  });
});

test.describe('the devices of a site', () => {
  const device = (name: string, health: 'ok' | 'stale' | 'offline' | 'never') =>
    ({ device: name, name: `home1.${name}`, connected: true, health, channels: 1, points: 0, enrolled: true, proofs: [], last_seen_us: null, rate: null });
  const devices = [device('pv10', 'ok'), device('pv2', 'ok'), device('battery', 'offline'), device('meter', 'stale')];

  test('what needs a look stands first, and numbers count as numbers', () => {
    expect(chosen(devices, '', null).map((each) => each.device)).toEqual(['battery', 'meter', 'pv2', 'pv10']);
    expect(chosen(devices, 'PV 1', null).map((each) => each.device)).toEqual(['pv2', 'pv10']);
    expect(chosen(devices, '', 'stale').map((each) => each.device)).toEqual(['meter']);
    expect(counts(devices)).toEqual({ ok: 2, stale: 1, offline: 1, never: 0 });
  });
});

test.describe('a new device', () => {
  test('has programs that name its bundle, in each language', () => {
    for (const language of ['python', 'node', 'rust', 'shell'] as const) expect(snippet(language, 'pv')).toContain('pv.json');
  });
});

test.describe('what arrives on top of what was asked for', () => {
  test('the newer reading counts, and one that is too old is stale all the same', () => {
    const channel = { ...battery, max_age_us: 60e6, latest: { time_us: 100e6, value: 1 }, stale: true };
    const read = (time_us: number) => withLatest([channel], new Map([[battery.series, { time_us, value: 2 }]]), 200e6)[0];
    expect(read(190e6)).toMatchObject({ latest: { value: 2 }, stale: false });
    expect(read(130e6)).toMatchObject({ latest: { value: 2 }, stale: true });
    expect(read(99e6)).toMatchObject({ latest: { value: 1 }, stale: true });
  });

  test('a plan holds over its step, and a charge stands at the end of it', () => {
    expect(stepped([0, 1e6, 2e6], [[10, 20]], [[0.5, 0.6]])).toEqual({ times: [0, 1, 2], columns: [[10, 20, 20], [null, 0.5, 0.6]] });
    expect(stepped([], [[]], [])).toEqual({ times: [], columns: [[]] });
  });

  test('what the server says of itself has its unit by its name', () => {
    expect(named('started_us', 1.7e15)).toEqual({ kind: 'instant', us: 1.7e15 });
    expect(named('lease_us', 6e7)).toEqual({ kind: 'span', us: 6e7 });
    expect(named('disk_bytes', 5)).toEqual({ kind: 'value', value: 5, unit: 'B' });
    expect(title('disk_bytes')).toBe('disk');
    expect(named('series', 1234)).toEqual({ kind: 'text', text: '1,234' });
    expect(named('read_only', null)).toEqual({ kind: 'none' });
  });
});
