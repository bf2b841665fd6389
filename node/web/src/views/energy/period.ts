//! Days, months and years of a zone, for the energy view: what is asked of the API, and what is drawn.

import type { BalanceRow } from '../shapes';

/** How far the picture reaches; its bars are one level finer. */
export type Reach = 'day' | 'month' | 'year' | 'all';

/** A day of the calendar, without zone. */
export interface Day { year: number; month: number; day: number }

/** The day that it is in a zone. */
export function dayIn(zone: string, at: Date): Day {
  const parts = new Intl.DateTimeFormat('en-CA', { timeZone: zone, year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(at);
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value);
  return { year: part('year'), month: part('month'), day: part('day') };
}

/** The instant at which a day begins in a zone. Where that midnight does not exist, the first instant of the day. */
export function startOf(zone: string, day: Day): Date {
  const midnight = Date.UTC(day.year, day.month - 1, day.day);
  const ahead = (at: number) => offset(zone, at);
  let guess = midnight - ahead(midnight);
  guess = midnight - ahead(guess);
  // A midnight that is skipped: the guess lies in the day before.
  const found = dayIn(zone, new Date(guess));
  if (found.day !== dayNumbers(midnight).day) guess += 3_600_000;
  return new Date(guess);
}

function dayNumbers(at: number): Day {
  const date = new Date(at);
  return { year: date.getUTCFullYear(), month: date.getUTCMonth() + 1, day: date.getUTCDate() };
}

/** How far a zone is ahead of UTC at an instant, in milliseconds. */
function offset(zone: string, at: number): number {
  const parts = new Intl.DateTimeFormat('en-US', {
    timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric',
  }).formatToParts(new Date(at));
  const part = (type: string) => Number(parts.find((each) => each.type === type)?.value);
  return Date.UTC(part('year'), part('month') - 1, part('day'), part('hour'), part('minute'), part('second')) - Math.floor(at / 1_000) * 1_000;
}

/** What is asked for a reach around a day. */
export interface Asked { from: Date; to: Date; every: string }

export function asked(reach: Reach, day: Day, zone: string): Asked {
  const start = (each: Day) => startOf(zone, each);
  switch (reach) {
    case 'day': return { from: start(day), to: start(shift(day, 0, 0, 1)), every: '1h' };
    case 'month': return { from: start({ ...day, day: 1 }), to: start(shift({ ...day, day: 1 }, 0, 1, 0)), every: '1d' };
    case 'year': return { from: start({ ...day, month: 1, day: 1 }), to: start({ year: day.year + 1, month: 1, day: 1 }), every: '1mo' };
    case 'all': return { from: start({ year: day.year - 9, month: 1, day: 1 }), to: start({ year: day.year + 1, month: 1, day: 1 }), every: '1y' };
  }
}

/** The day before or after by so much; a day that a month does not have becomes its last. */
export function shift(day: Day, years: number, months: number, days: number): Day {
  const month = day.month - 1 + months;
  const last = new Date(Date.UTC(day.year + years, month + 1, 0)).getUTCDate();
  return dayNumbers(Date.UTC(day.year + years, month, Math.min(day.day, last) + days));
}

/** One reach on, or back. */
export function step(reach: Reach, day: Day, by: 1 | -1): Day {
  switch (reach) {
    case 'day': return shift(day, 0, 0, by);
    case 'month': return shift(day, 0, by, 0);
    case 'year': return shift(day, by, 0, 0);
    case 'all': return shift(day, by * 10, 0, 0);
  }
}

/** What a reach is called: `Thursday, 26 November 2026`, `November 2026`, `2026`. */
export function reachName(reach: Reach, day: Day): string {
  const date = new Date(Date.UTC(day.year, day.month - 1, day.day));
  const text = (options: Intl.DateTimeFormatOptions) => new Intl.DateTimeFormat('en-GB', { timeZone: 'UTC', ...options }).format(date);
  if (reach === 'day') return text({ weekday: 'long', day: 'numeric', month: 'long', year: 'numeric' });
  if (reach === 'month') return text({ month: 'long', year: 'numeric' });
  return reach === 'year' ? String(day.year) : `${String(day.year - 9)} to ${String(day.year)}`;
}

/** What one bar is called under the picture and in the table. */
export function rowName(reach: Reach, row: BalanceRow, zone: string): string {
  const text = (options: Intl.DateTimeFormatOptions) =>
    new Intl.DateTimeFormat('en-GB', { timeZone: zone, ...options }).format(new Date(row.from_us / 1_000));
  switch (reach) {
    case 'day': return text({ hour: '2-digit', minute: '2-digit', hourCycle: 'h23' });
    case 'month': return text({ day: 'numeric', month: 'short' });
    case 'year': return text({ month: 'short' });
    case 'all': return text({ year: 'numeric' });
  }
}

/** A day as a date field writes it. */
export function isoDay(day: Day): string {
  return `${String(day.year)}-${String(day.month).padStart(2, '0')}-${String(day.day).padStart(2, '0')}`;
}

/** A day as a date field writes it, read; undefined where it is none. */
export function parseDay(text: string): Day | undefined {
  const parts = /^(\d{4})-(\d{2})-(\d{2})$/.exec(text);
  return parts ? { year: Number(parts[1]), month: Number(parts[2]), day: Number(parts[3]) } : undefined;
}
