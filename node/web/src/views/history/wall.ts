// From and to as people type them: by the wall clock of the zone that times are shown in.

import { instant } from '../../times';
import { LONGEST_US, SHORTEST_US } from './horizon';
import { instantOf, offsetS } from './ticks';
import type { Range } from './tiles';

/** From and to as a date-time field writes them, `2026-11-26T10:35`. */
export interface Walls {
  from: string;
  to: string;
}

/** What is wrong with them, by field; and the range where nothing is. */
export interface CheckedWalls {
  range?: Range;
  wrong: Partial<Record<keyof Walls, string>>;
}

export function wallOf(us: number, zone: string, seconds: boolean): string {
  return instant(us, zone, seconds).replace(' ', 'T');
}

/** The instant of a wall clock; null for what is none, or lies before there were instants to measure at. */
export function instantOfWall(text: string, zone: string): number | null {
  const parts = /^(\d{4,6})-(\d\d)-(\d\d)T(\d\d):(\d\d)(?::(\d\d)(?:\.\d+)?)?$/.exec(text)?.slice(1).map((part) => Number((part as string | undefined) ?? 0));
  if (!parts) return null;
  const [year = 0, month = 1, day = 1, hour = 0, minute = 0, second = 0] = parts;
  if (year < 1970) return null;
  const wallS = Date.UTC(year, month - 1, day, hour, minute, second) / 1e3;
  return Number.isFinite(wallS) ? instantOf(wallS, zone) * 1e6 : null;
}

const EXPECTED = 'A whole date and time is expected.';

export function checkWalls({ from, to }: Walls, zone: string, nowUs: number): CheckedWalls {
  const wrong: CheckedWalls['wrong'] = {};
  const [fromUs, toUs] = [instantOfWall(from, zone), instantOfWall(to, zone)];
  if (fromUs === null) wrong.from = EXPECTED;
  else if (isSkipped(from, fromUs, zone)) wrong.from = SKIPPED;
  else if (fromUs >= nowUs) wrong.from = 'It lies in the future: nothing is measured yet.';
  if (toUs === null) wrong.to = EXPECTED;
  else if (isSkipped(to, toUs, zone)) wrong.to = SKIPPED;
  else if (fromUs !== null && toUs - fromUs < SHORTEST_US) wrong.to = 'It must lie after the time before it.';
  else if (fromUs !== null && wrong.from === undefined && toUs - fromUs > LONGEST_US) wrong.from = 'More than 20 years are not shown at once.';
  if (fromUs === null || toUs === null || wrong.from !== undefined || wrong.to !== undefined) return { wrong };
  return { range: { fromUs, toUs }, wrong };
}

const SKIPPED = 'That hour does not exist: clocks are put forward then.';

function isSkipped(text: string, us: number, zone: string): boolean {
  const seconds = text.length > 'yyyy-mm-ddThh:mm'.length;
  return wallOf(us, zone, seconds) !== text.slice(0, seconds ? 19 : 16);
}

export const CALENDAR = [
  { value: 'today', text: 'Today' },
  { value: 'yesterday', text: 'Yesterday' },
  { value: 'week', text: 'This week' },
  { value: 'month', text: 'This month' },
] as const;

export type CalendarSpan = (typeof CALENDAR)[number]['value'];

/** A day, a week from Monday on or a month of the zone's calendar, whole. */
export function calendarRange(which: CalendarSpan, zone: string, nowUs: number): Range {
  const wall = new Date(nowUs / 1e3 + offsetS(nowUs / 1e6, zone) * 1e3);
  const [year, month, day] = [wall.getUTCFullYear(), wall.getUTCMonth(), wall.getUTCDate()];
  const monday = day - ((wall.getUTCDay() + 6) % 7);
  const start = (ofMonth: number, ofDay: number) => instantOf(Date.UTC(year, ofMonth, ofDay) / 1e3, zone) * 1e6;
  switch (which) {
    case 'today': return { fromUs: start(month, day), toUs: start(month, day + 1) };
    case 'yesterday': return { fromUs: start(month, day - 1), toUs: start(month, day) };
    case 'week': return { fromUs: start(month, monday), toUs: start(month, monday + 7) };
    case 'month': return { fromUs: start(month, 1), toUs: start(month + 1, 1) };
  }
}
