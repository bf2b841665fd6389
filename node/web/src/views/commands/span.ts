//! Spans as people write them: `15m`, `1h30m`, `90s`.

const SECOND = 1_000_000;
const UNITS: Record<string, number> = { ms: 1_000, s: SECOND, m: 60 * SECOND, min: 60 * SECOND, h: 3_600 * SECOND, d: 86_400 * SECOND };

/** A span in microseconds, or undefined where the text is none. */
export function parseSpan(text: string): number | undefined {
  const trimmed = text.trim();
  if (!/^(\d+(\.\d+)?(ms|s|min|m|h|d))+$/.test(trimmed)) return undefined;
  let total = 0;
  for (const [, amount, , unit] of trimmed.matchAll(/(\d+(\.\d+)?)(ms|s|min|m|h|d)/g)) {
    total += Number(amount) * (UNITS[unit ?? ''] ?? 0);
  }
  return Math.round(total);
}

/** A span as the API takes it: whole milliseconds in the largest unit that divides them. */
export function writeSpan(us: number): string {
  for (const unit of ['d', 'h', 'm', 's']) {
    const size = UNITS[unit] ?? 1;
    if (us >= size && us % size === 0) return `${String(us / size)}${unit}`;
  }
  return `${String(Math.round(us / 1_000))}ms`;
}

/** A span in words, of two parts at the most: `15 minutes`, `1 hour 30 minutes`. */
export function spanWords(us: number): string {
  const parts: [number, string][] = [[86_400 * SECOND, 'day'], [3_600 * SECOND, 'hour'], [60 * SECOND, 'minute'], [SECOND, 'second']];
  const said: string[] = [];
  let rest = Math.max(0, Math.round(us / SECOND) * SECOND);
  for (const [size, name] of parts) {
    const count = Math.floor(rest / size);
    if (count === 0) { if (said.length > 0) break; continue; }
    said.push(`${String(count)} ${name}${count === 1 ? '' : 's'}`);
    rest -= count * size;
    if (said.length === 2) break;
  }
  return said.length > 0 ? said.join(' ') : us > 0 ? `${String(Math.round(us / 1_000))} milliseconds` : 'no time';
}

/** What is left of a span, as a clock: `14:59`, `1:04:59`. Rounded up, so that `0:00` means over. */
export function clock(us: number): string {
  const seconds = Math.max(0, Math.ceil(us / SECOND));
  const two = (value: number) => String(value).padStart(2, '0');
  const [hours, minutes] = [Math.floor(seconds / 3_600), Math.floor((seconds % 3_600) / 60)];
  return hours > 0 ? `${String(hours)}:${two(minutes)}:${two(seconds % 60)}` : `${String(minutes)}:${two(seconds % 60)}`;
}
