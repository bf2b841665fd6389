//! A value by its name: names carry their unit, as in every answer of the API.

/** What a name ends with, and the unit that this says. */
const ENDINGS: readonly (readonly [string, string])[] = [['_bytes', 'B'], ['_per_s', '1/s'], ['_wh', 'Wh'], ['_w', 'W'], ['_ms', 'ms'], ['_s', 's']];

export type Named = { kind: 'instant'; us: number } | { kind: 'span'; us: number } | { kind: 'value'; value: number; unit: string } | { kind: 'text'; text: string } | { kind: 'none' };

/** The beginning of 2001, in microseconds: what is larger is an instant, what is smaller a span. */
const INSTANTS = 978_307_200e6;

/** The name without its unit, for people: `uptime us` is no word. */
export function title(name: string): string {
  const ending = [...ENDINGS.map(([each]) => each), '_us'].find((each) => name.endsWith(each));
  return (ending === undefined ? name : name.slice(0, -ending.length)).replaceAll('_', ' ');
}

/** What a value is, as its name says it. */
export function named(name: string, value: unknown): Named {
  if (value === null || value === undefined || value === '') return { kind: 'none' };
  if (typeof value !== 'number') return { kind: 'text', text: typeof value === 'boolean' ? (value ? 'yes' : 'no') : typeof value === 'string' ? value : JSON.stringify(value) };
  if (name.endsWith('_us')) return value >= INSTANTS ? { kind: 'instant', us: value } : { kind: 'span', us: value };
  const unit = ENDINGS.find(([ending]) => name.endsWith(ending))?.[1];
  return unit === undefined ? { kind: 'text', text: value.toLocaleString('en-GB') } : { kind: 'value', value, unit };
}
