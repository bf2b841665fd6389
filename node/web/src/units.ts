// How numbers are shown: scaled to what one reads easily, never without their unit.

export interface Shown {
  text: string;
  unit: string;
  /** What the base value was divided by. */
  by: number;
}

/** Units that are shown in thousands of themselves. */
const LADDERS: Record<string, readonly [number, string][]> = {
  W: [[1e9, 'GW'], [1e6, 'MW'], [1e3, 'kW'], [1, 'W']],
  Wh: [[1e9, 'GWh'], [1e6, 'MWh'], [1e3, 'kWh'], [1, 'Wh']],
  var: [[1e6, 'Mvar'], [1e3, 'kvar'], [1, 'var']],
  VA: [[1e6, 'MVA'], [1e3, 'kVA'], [1, 'VA']],
  varh: [[1e6, 'Mvarh'], [1e3, 'kvarh'], [1, 'varh']],
  V: [[1e3, 'kV'], [1, 'V']],
  B: [[1e9, 'GB'], [1e6, 'MB'], [1e3, 'kB'], [1, 'B']],
};

/** What the size of a series decides once for all its values: axes and columns use one unit, not one for each number. */
export function scale(size: number, unit: string): { by: number; unit: string } {
  if (unit === '1') return { by: 0.01, unit: '%' };
  if (unit === 'degC') return { by: 1, unit: '°C' };
  if (unit === 'code') return { by: 1, unit: '' };
  if (unit === 'W/m2') return { by: 1, unit: 'W/m²' };
  const ladder = LADDERS[unit];
  if (!ladder) return { by: 1, unit };
  const [by, name] = ladder.find(([from]) => Math.abs(size) >= from) ?? ladder[ladder.length - 1] ?? [1, unit];
  return { by, unit: name };
}

export function scaled(value: number, unit: string, how: { digits?: number; signed?: boolean; size?: number } = {}): Shown {
  if (unit === 'on/off') return { text: value === 0 ? 'off' : 'on', unit: '', by: 1 };
  const { by, unit: name } = scale(how.size ?? value, unit);
  return { text: number(value / by, how.digits ?? digitsOf(value / by), how.signed), unit: name, by };
}

/** The same as text: `1.47 kW`. */
export function text(value: number | null | undefined, unit: string, how: { digits?: number; signed?: boolean; size?: number } = {}): string {
  if (value === null || value === undefined || Number.isNaN(value)) return '–';
  const shown = scaled(value, unit, how);
  return shown.unit ? `${shown.text} ${shown.unit}` : shown.text;
}

/** Three figures that count. */
function digitsOf(value: number): number {
  const size = Math.abs(value);
  if (size >= 100 || Number.isInteger(value)) return 0;
  return size >= 10 ? 1 : 2;
}

const formats = new Map<number, Intl.NumberFormat>();

export function number(value: number, digits: number, signed = false): string {
  let format = formats.get(digits);
  if (!format) {
    format = new Intl.NumberFormat('en', { minimumFractionDigits: digits, maximumFractionDigits: digits });
    formats.set(digits, format);
  }
  // -0.00 says a direction where there is none.
  const written = format.format(value).replace(/^-(?=[0.]+$)/, '').replace('-', '−');
  return signed && value > 0 && /[1-9]/.test(written) ? `+${written}` : written;
}
