// Where an axis of time has its marks: at round times of the wall clock of a zone, also on the days that have 23 or 25
// hours. Times are in seconds since the epoch, as uPlot's are.

const SPANS_S = [0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1, 2, 5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 10_800, 21_600, 43_200];
const DAYS = [1, 2, 7, 14];
const MONTHS = [1, 3, 6, 12, 24, 60, 120];
const DAY_S = 86_400;

export type Step = { of: 'span'; s: number } | { of: 'day'; count: number } | { of: 'month'; count: number };

/** The finest step whose marks are at least so far apart. */
export function stepFor(apartS: number): Step {
  const span = SPANS_S.find((s) => s >= apartS);
  if (span !== undefined) return { of: 'span', s: span };
  const days = DAYS.find((count) => count * DAY_S >= apartS);
  if (days !== undefined) return { of: 'day', count: days };
  return { of: 'month', count: MONTHS.find((count) => count * 30 * DAY_S >= apartS) ?? 240 };
}

export function ticks(fromS: number, toS: number, step: Step, zone: string): number[] {
  switch (step.of) {
    case 'span': return spans(fromS, toS, step.s, zone);
    case 'day': return days(fromS, toS, step.count, zone);
    case 'month': return months(fromS, toS, step.count, zone);
  }
}

/** Each mark is found from the one before by the clock on the wall, so that 00:00, 06:00, 12:00 stay where they are. */
function spans(fromS: number, toS: number, step: number, zone: string): number[] {
  const found: number[] = [];
  if (step <= 900) {
    // Every zone is off by whole quarters of an hour.
    for (let count = Math.ceil(fromS / step); count * step <= toS; count += 1) found.push(Number((count * step).toFixed(3)));
    return found;
  }
  // By whole half hours, and kept where the wall clock shows a multiple of the step.
  for (let at = Math.ceil(fromS / 900) * 900; at <= toS; at += 900) {
    const wall = at + offsetS(at, zone);
    if (wall % step === 0) found.push(at);
  }
  return found;
}

function days(fromS: number, toS: number, count: number, zone: string): number[] {
  const first = Math.floor((fromS + offsetS(fromS, zone)) / DAY_S);
  const found: number[] = [];
  // The fourth of January 1970 was a Sunday: weeks begin on Mondays.
  const phase = count >= 7 ? 4 : 0;
  for (let day = first; ; day += 1) {
    if ((day - phase) % count !== 0) continue;
    const at = instantOf(day * DAY_S, zone);
    if (at > toS) return found;
    if (at >= fromS) found.push(at);
  }
}

function months(fromS: number, toS: number, count: number, zone: string): number[] {
  const from = new Date((fromS + offsetS(fromS, zone)) * 1e3);
  const found: number[] = [];
  for (let month = from.getUTCFullYear() * 12 + from.getUTCMonth(); ; month += 1) {
    if (month % count !== 0) continue;
    const at = instantOf(Date.UTC(Math.floor(month / 12), month % 12, 1) / 1e3, zone);
    if (at > toS) return found;
    if (at >= fromS) found.push(at);
  }
}

/** The instant at which the wall clock of the zone shows a time, given as if it were of UTC. */
export function instantOf(wallS: number, zone: string): number {
  const guess = wallS - offsetS(wallS, zone);
  return wallS - offsetS(guess, zone);
}

const formats = new Map<string, Intl.DateTimeFormat>();
const offsets = new Map<string, number>();

/** How far the zone is ahead of UTC at an instant, in seconds. It changes on whole quarters of an hour only. */
export function offsetS(atS: number, zone: string): number {
  const quarter = Math.floor(atS / 900);
  const key = `${zone} ${String(quarter)}`;
  const known = offsets.get(key);
  if (known !== undefined) return known;
  let format = formats.get(zone);
  if (!format) {
    format = new Intl.DateTimeFormat('en-US', { timeZone: zone, hourCycle: 'h23', year: 'numeric', month: 'numeric', day: 'numeric', hour: 'numeric', minute: 'numeric', second: 'numeric' });
    formats.set(zone, format);
  }
  const parts = Object.fromEntries(format.formatToParts(quarter * 900e3).map((part) => [part.type, Number(part.value)]));
  const wall = Date.UTC(parts.year ?? 0, (parts.month ?? 1) - 1, parts.day, parts.hour, parts.minute, parts.second) / 1e3;
  const offset = wall - quarter * 900;
  if (offsets.size > 20_000) offsets.clear();
  offsets.set(key, offset);
  return offset;
}

const NAMES = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

/** What stands at a mark: the part of the time that moves, and below it the larger part where it begins anew. */
export function label(atS: number, beforeS: number | null, step: Step, zone: string): string {
  const at = new Date((atS + offsetS(atS, zone)) * 1e3);
  const before = beforeS === null ? null : new Date((beforeS + offsetS(beforeS, zone)) * 1e3);
  const two = (value: number) => String(value).padStart(2, '0');
  const month = NAMES[at.getUTCMonth()] ?? '';
  const year = String(at.getUTCFullYear());
  const newYear = before?.getUTCFullYear() !== at.getUTCFullYear();
  if (step.of === 'month') return step.count >= 12 ? year : newYear ? `${month}\n${year}` : month;
  const date = `${String(at.getUTCDate())} ${month}`;
  if (step.of === 'day') return newYear ? `${date}\n${year}` : date;
  const newDay = newYear || before.getUTCDate() !== at.getUTCDate();
  const minutes = `${two(at.getUTCHours())}:${two(at.getUTCMinutes())}`;
  const clock = step.s >= 60 ? minutes : step.s >= 1 ? `${minutes}:${two(at.getUTCSeconds())}` : `${two(at.getUTCMinutes())}:${two(at.getUTCSeconds())}.${String(Math.round((atS % 1) * 1e3)).padStart(3, '0')}`;
  return newDay ? `${clock}\n${date}${before === null ? ` ${year}` : ''}` : clock;
}
