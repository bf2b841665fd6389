//! Rules of alarms: as a form holds them, as the API takes them, and in words.

import { parseSpan, spanWords } from '../commands/span';
import type { Quiet, RuleDraft, Severity, Watch } from '../shapes';
import { digits, parseNumber } from '../units';

/** What a rule's form holds: every field as text, so that nothing is lost while one looks at another kind. */
export interface RuleForm {
  name: string;
  severity: Severity;
  enabled: boolean;
  kind: Watch['kind'];
  series: string;
  devices: string;
  site: string;
  above: string;
  below: string;
  margin: string;
  unit: string;
  rises: string;
  falls: string;
  after: string;
  lasting: string;
  notify: string[];
  quiet: boolean;
  quietFrom: string;
  quietTo: string;
  zone: string;
  letsThrough: Severity | '';
  remind: string;
}

export type FormProblems = Partial<Record<keyof RuleForm, string>>;

/** The form of a new rule. */
export function emptyForm(zone: string, site: string): RuleForm {
  return {
    name: '', severity: 'warning', enabled: true, kind: 'threshold', series: '', devices: `${site}.*`, site, above: '', below: '', margin: '', unit: '',
    rises: '', falls: '', after: '5m', lasting: '', notify: [], quiet: false, quietFrom: '22:00', quietTo: '07:00', zone, letsThrough: 'critical', remind: '',
  };
}

/** The form of a rule that is there. */
export function formOf(rule: RuleDraft, zone: string, site: string): RuleForm {
  const form = { ...emptyForm(zone, site), name: rule.name, severity: rule.severity, enabled: rule.enabled, kind: rule.watch.kind, notify: [...rule.notify], remind: rule.remind ?? '' };
  const text = (value: number | null | undefined) => (value === null || value === undefined ? '' : String(value));
  const watch = rule.watch;
  switch (watch.kind) {
    case 'threshold': Object.assign(form, { series: watch.series, above: text(watch.above), below: text(watch.below), margin: text(watch.clear_margin), unit: watch.unit ?? '', lasting: watch.for ?? '' }); break;
    case 'rate': Object.assign(form, { series: watch.series, rises: text(watch.rises_per_minute), falls: text(watch.falls_per_minute), unit: watch.unit ?? '', lasting: watch.for ?? '' }); break;
    case 'stale': Object.assign(form, { series: watch.series, after: watch.after }); break;
    case 'offline': Object.assign(form, { devices: watch.devices, after: watch.after }); break;
    case 'balance': Object.assign(form, { site: watch.site, above: text(watch.above_w), lasting: watch.for }); break;
    case 'store_read_only': case 'control_stalled': break;
  }
  const quiet = rule.quiet;
  if (quiet) Object.assign(form, { quiet: true, quietFrom: quiet.from, quietTo: quiet.to, zone: quiet.zone, letsThrough: quiet.lets_through ?? '' });
  return form;
}

/** The rule of a form, or what is wrong with it by field. */
export function ruleOf(form: RuleForm): { rule?: RuleDraft; problems: FormProblems } {
  const problems: FormProblems = {};
  if (form.name.trim() === '') problems.name = 'A name is expected: it stands in every message.';
  const watch = watchOf(form, problems);
  const quiet = form.quiet ? quietOf(form, problems) : null;
  if (form.remind.trim() !== '') span('remind', form.remind, problems);
  if (Object.keys(problems).length > 0) return { problems };
  const rule: RuleDraft = { name: form.name.trim(), severity: form.severity, enabled: form.enabled, watch, notify: form.notify, quiet };
  rule.remind = form.remind.trim() === '' ? null : form.remind.trim();
  return { rule, problems };
}

function watchOf(form: RuleForm, problems: FormProblems): Watch {
  const number = (field: 'above' | 'below' | 'margin' | 'rises' | 'falls'): number | undefined => {
    if (form[field].trim() === '') return undefined;
    const value = parseNumber(form[field]);
    if (value === undefined) problems[field] = 'A number is expected.';
    return value;
  };
  const lasting = form.lasting.trim() === '' ? undefined : span('lasting', form.lasting, problems);
  const held = lasting === undefined ? {} : { for: lasting };
  const unit = form.unit.trim() === '' ? {} : { unit: form.unit.trim() };
  switch (form.kind) {
    case 'threshold': {
      named('series', form.series, problems);
      const [above, below, margin] = [number('above'), number('below'), number('margin')];
      if (form.above.trim() === '' && form.below.trim() === '') problems.above = 'A limit above or below is expected.';
      if (above !== undefined && below !== undefined && below >= above) problems.below = 'It lies below the limit above: then every value would raise the alarm.';
      if (margin !== undefined && margin < 0) problems.margin = 'Zero or more is expected.';
      return { kind: 'threshold', series: form.series.trim(), ...given({ above, below, clear_margin: margin }), ...unit, ...held };
    }
    case 'rate': {
      named('series', form.series, problems);
      const [rises, falls] = [number('rises'), number('falls')];
      if (form.rises.trim() === '' && form.falls.trim() === '') problems.rises = 'How fast it rises or falls is expected.';
      for (const [field, value] of [['rises', rises], ['falls', falls]] as const) if (value !== undefined && value <= 0) problems[field] = 'More than zero is expected.';
      return { kind: 'rate', series: form.series.trim(), ...given({ rises_per_minute: rises, falls_per_minute: falls }), ...unit, ...held };
    }
    case 'stale':
      named('series', form.series, problems);
      return { kind: 'stale', series: form.series.trim(), after: span('after', form.after, problems) };
    case 'offline':
      named('devices', form.devices, problems);
      return { kind: 'offline', devices: form.devices.trim(), after: span('after', form.after, problems) };
    case 'balance': {
      named('site', form.site, problems);
      const above = number('above');
      if (form.above.trim() === '') problems.above = 'A power is expected.';
      else if (above !== undefined && above <= 0) problems.above = 'More than zero is expected.';
      if (lasting === undefined) problems.lasting = 'A time is expected over which the mean is taken, such as 15m.';
      return { kind: 'balance', site: form.site.trim(), above_w: above ?? 0, for: lasting ?? '' };
    }
    case 'store_read_only': case 'control_stalled': return { kind: form.kind };
  }
}

function given<T extends Record<string, number | undefined>>(values: T): { [K in keyof T]?: number } {
  return Object.fromEntries(Object.entries(values).filter(([, value]) => value !== undefined)) as { [K in keyof T]?: number };
}

function named(field: 'series' | 'devices' | 'site', text: string, problems: FormProblems): void {
  if (text.trim() === '') problems[field] = 'It says what is watched: a name, or a pattern such as home1.*.power.';
}

function span(field: 'after' | 'lasting' | 'remind', text: string, problems: FormProblems): string {
  const us = parseSpan(text);
  if (us === undefined || us === 0) problems[field] = 'A time such as 30s, 5m or 1h is expected.';
  return text.trim();
}

function quietOf(form: RuleForm, problems: FormProblems): Quiet {
  for (const field of ['quietFrom', 'quietTo'] as const) {
    if (!/^([01]\d|2[0-3]):[0-5]\d$/.test(form[field])) problems[field] = 'A time of day such as 22:00 is expected.';
  }
  if (form.quietFrom === form.quietTo) problems.quietTo = 'It is the same time: nothing would ever be sent.';
  return { from: form.quietFrom, to: form.quietTo, zone: form.zone, lets_through: form.letsThrough === '' ? null : form.letsThrough };
}

/** What a rule watches, in words. */
export function watchWords(watch: Watch): string {
  const unit = 'unit' in watch ? watch.unit ?? '' : '';
  const held = (text: string | null | undefined) => {
    const us = text ? parseSpan(text) : undefined;
    return us ? ` for ${spanWords(us)}` : '';
  };
  const after = (text: string) => { const us = parseSpan(text); return us === undefined ? text : spanWords(us); };
  const amount = (value: number) => `${digits(value)}${unit === '' ? '' : ` ${unit}`}`;
  switch (watch.kind) {
    case 'threshold': {
      const limits = [isNumber(watch.above) ? `above ${amount(watch.above)}` : '', isNumber(watch.below) ? `below ${amount(watch.below)}` : ''].filter(Boolean).join(' or ');
      const margin = isNumber(watch.clear_margin) && watch.clear_margin > 0 ? `, cleared ${amount(watch.clear_margin)} inside the limit` : '';
      return `${watch.series} is ${limits}${held(watch.for)}${margin}`;
    }
    case 'rate': {
      const rates = [isNumber(watch.rises_per_minute) ? `rises by ${amount(watch.rises_per_minute)}` : '', isNumber(watch.falls_per_minute) ? `falls by ${amount(watch.falls_per_minute)}` : ''].filter(Boolean).join(' or ');
      return `${watch.series} ${rates} a minute or more${held(watch.for)}`;
    }
    case 'stale': return `${watch.series} is silent for ${after(watch.after)}`;
    case 'offline': return `${watch.devices} is offline for ${after(watch.after)}`;
    case 'balance': return `more than ${digits(watch.above_w)} W at ${watch.site} are explained by no device, as the mean over ${after(watch.for)}`;
    case 'store_read_only': return 'the server takes no more data: its store is read-only';
    case 'control_stalled': return 'control decides nothing any more';
  }
}

function isNumber(value: number | null | undefined): value is number {
  return typeof value === 'number';
}

/** How urgent alarms are, the most urgent first; the newest first among equals. */
export function byUrgency<T extends { severity: Severity; state: string; raised_us: number }>(alarms: T[]): T[] {
  const rank = (alarm: T) => ({ raised: 0, acknowledged: 10, cleared: 20 })[alarm.state as 'raised'] + { critical: 0, warning: 1, info: 2 }[alarm.severity];
  return [...alarms].sort((a, b) => rank(a) - rank(b) || b.raised_us - a.raised_us);
}
