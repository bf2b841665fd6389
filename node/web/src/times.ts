// How instants and spans are shown. Instants are microseconds since the epoch; a zone is a name such as Europe/Berlin.

const formats = new Map<string, Intl.DateTimeFormat>();

function format(zone: string, options: Intl.DateTimeFormatOptions): Intl.DateTimeFormat {
  const key = zone + JSON.stringify(options);
  let made = formats.get(key);
  if (!made) {
    made = new Intl.DateTimeFormat('en-GB', { ...options, timeZone: zone, hourCycle: 'h23' });
    formats.set(key, made);
  }
  return made;
}

/** `2026-11-26 10:35:04`, in that zone. */
export function instant(us: number, zone: string, seconds = true): string {
  return `${day(us, zone)} ${clock(us, zone, seconds)}`;
}

/** `2026-11-26`: the same in every language. */
export function day(us: number, zone: string): string {
  const parts = format(zone, { year: 'numeric', month: '2-digit', day: '2-digit' }).formatToParts(us / 1e3);
  const of = (type: string) => parts.find((part) => part.type === type)?.value ?? '';
  return `${of('year')}-${of('month')}-${of('day')}`;
}

export function clock(us: number, zone: string, seconds = true): string {
  return format(zone, { hour: '2-digit', minute: '2-digit', ...(seconds ? { second: '2-digit' } : {}) }).format(us / 1e3);
}

/** How far a zone is ahead of UTC at an instant: `+01:00`. Tells apart the two 02:30 of the night in autumn. */
export function offset(us: number, zone: string): string {
  const parts = format(zone, { timeZoneName: 'longOffset', hour: '2-digit' }).formatToParts(us / 1e3);
  const written = parts.find((part) => part.type === 'timeZoneName')?.value.replace('GMT', '') ?? '';
  return written === '' ? '+00:00' : written;
}

const STEPS: readonly [number, string][] = [[86_400, 'd'], [3_600, 'h'], [60, 'min'], [1, 's']];

/** A span as one reads it: `3 min`, `2 h 5 min`, `250 ms`. */
export function span(us: number, parts = 1): string {
  let seconds = Math.abs(us) / 1e6;
  if (seconds > 0 && seconds < 1) return `${String(Math.round(seconds * 1e3))} ms`;
  seconds = Math.round(seconds);
  const said: string[] = [];
  for (const [length, name] of STEPS) {
    if (said.length === parts) break;
    const count = Math.floor(seconds / length);
    if (count === 0 && (said.length === 0 && length > 1)) continue;
    seconds -= count * length;
    if (count > 0 || said.length === 0) said.push(`${String(count)} ${name}`);
  }
  return said.join(' ');
}

/** `3 min ago`, `in 2 h`, `now`. */
export function ago(us: number, nowUs: number): string {
  const distance = nowUs - us;
  if (Math.abs(distance) < 2e6) return 'now';
  return distance > 0 ? `${span(distance)} ago` : `in ${span(distance)}`;
}
