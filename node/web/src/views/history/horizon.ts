// What is in sight: a range of time that one zooms and moves, or the time up to now that moves by itself.

import type { Range } from './tiles';

export interface Horizon {
  range: Range;
  /** Whether it ends now, and goes with it. */
  live: boolean;
}

export const HOUR_US = 3.6e9;
export const DAY_US = 24 * HOUR_US;

export const SHORTEST_US = 1e6;
export const LONGEST_US = 20 * 366 * DAY_US;
/** So near to the right edge, zooming keeps now where it is. */
const EDGE = 0.85;

export const PRESETS = [
  { value: '1h', text: '1 h', us: HOUR_US },
  { value: '6h', text: '6 h', us: 6 * HOUR_US },
  { value: '24h', text: '24 h', us: DAY_US },
  { value: '7d', text: '7 d', us: 7 * DAY_US },
  { value: '30d', text: '30 d', us: 30 * DAY_US },
  { value: '1y', text: '1 y', us: 365 * DAY_US },
] as const;

export function last(us: number, nowUs: number): Horizon {
  return { range: { fromUs: nowUs - us, toUs: nowUs }, live: true };
}

/** Goes with the time. */
export function moved({ range, live }: Horizon, nowUs: number): Horizon {
  return live ? last(range.toUs - range.fromUs, nowUs) : { range, live };
}

export function zoomed({ range, live }: Horizon, factor: number, at: number, nowUs: number): Horizon {
  const length = range.toUs - range.fromUs;
  const next = Math.max(SHORTEST_US, Math.min(LONGEST_US, length * factor));
  if (live && at >= EDGE) return last(next, nowUs);
  const fromUs = range.fromUs + (length - next) * at;
  return within({ fromUs, toUs: fromUs + next }, nowUs);
}

export function panned({ range }: Horizon, part: number, nowUs: number): Horizon {
  const by = (range.toUs - range.fromUs) * part;
  return within({ fromUs: range.fromUs + by, toUs: range.toUs + by }, nowUs);
}

/** There is nothing to see of the future: a little of it stands at the edge, so that now can be looked at. */
function within({ fromUs, toUs }: Range, nowUs: number): Horizon {
  const beyond = Math.max(0, toUs - (nowUs + (toUs - fromUs) / 10));
  return { range: { fromUs: Math.round(fromUs - beyond), toUs: Math.round(toUs - beyond) }, live: false };
}

/** Out of the address: `last` in seconds, or `from` and `to` as RFC 3339 or microseconds. */
export function fromQuery(query: URLSearchParams, nowUs: number): Horizon {
  const [from, to] = [instantIn(query.get('from')), instantIn(query.get('to'))];
  if (Number.isFinite(from) && Number.isFinite(to) && to - from >= SHORTEST_US) return { range: { fromUs: from, toUs: to }, live: false };
  const seconds = Number(query.get('last') ?? NaN);
  return last(Number.isFinite(seconds) && seconds >= 1 ? Math.min(seconds * 1e6, LONGEST_US) : DAY_US, nowUs);
}

function instantIn(text: string | null): number {
  if (text === null) return NaN;
  return /^-?\d+(\.\d+)?$/.test(text) ? Number(text) : Date.parse(text) * 1e3;
}

export function toQuery({ range, live }: Horizon): Record<string, string> {
  if (live) return { last: String(Math.round((range.toUs - range.fromUs) / 1e6)) };
  return { from: instantText(range.fromUs), to: instantText(range.toUs) };
}

/** Whole seconds as one reads them, `2026-11-26T09:00:00Z`; what is finer in microseconds. */
function instantText(us: number): string {
  const whole = Math.round(us);
  return whole % 1e6 === 0 ? new Date(whole / 1e3).toISOString().replace('.000Z', 'Z') : String(whole);
}
