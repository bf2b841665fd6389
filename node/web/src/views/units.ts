//! Units that people choose for what they type, and what they stand for in base units.

/** A unit to type in, and how many base units it is. */
export interface TypedUnit { unit: string; factor: number }

const LARGER: Record<string, TypedUnit[]> = {
  W: [{ unit: 'W', factor: 1 }, { unit: 'kW', factor: 1_000 }, { unit: 'MW', factor: 1_000_000 }],
  Wh: [{ unit: 'Wh', factor: 1 }, { unit: 'kWh', factor: 1_000 }, { unit: 'MWh', factor: 1_000_000 }],
  var: [{ unit: 'var', factor: 1 }, { unit: 'kvar', factor: 1_000 }],
  VA: [{ unit: 'VA', factor: 1 }, { unit: 'kVA', factor: 1_000 }],
  V: [{ unit: 'V', factor: 1 }, { unit: 'kV', factor: 1_000 }],
  s: [{ unit: 's', factor: 1 }, { unit: 'min', factor: 60 }, { unit: 'h', factor: 3_600 }],
};

/** The units that a value may be typed in; the base unit first. */
export function typedUnits(base: string, quantity?: string): TypedUnit[] {
  if (base === '1' && (quantity === 'state_of_charge' || quantity === 'ratio')) {
    return [{ unit: '%', factor: 0.01 }, { unit: '1', factor: 1 }];
  }
  return LARGER[base] ?? [{ unit: base, factor: 1 }];
}

/** The unit in which a range is typed with the fewest zeros. */
export function handyUnit(base: string, quantity: string | undefined, largest: number): TypedUnit {
  const units = typedUnits(base, quantity);
  const fitting = units.filter((each) => each.factor <= Math.max(Math.abs(largest), 1));
  return fitting.at(-1) ?? units[0] ?? { unit: base, factor: 1 };
}

/** A number as a person types it: comma or point, a minus of either kind, no grouping. Undefined where it is none. */
export function parseNumber(text: string): number | undefined {
  const plain = text.trim().replace('−', '-').replace(',', '.');
  if (!/^[+-]?(\d+\.?\d*|\.\d+)(e[+-]?\d+)?$/i.test(plain)) return undefined;
  const value = Number(plain);
  return Number.isFinite(value) ? value : undefined;
}

/** A number times a factor, without the digits that binary fractions add. */
export function scaled(value: number, factor: number): number {
  return Number((value * factor).toPrecision(12));
}

/** A value with its unit for sentences: `-2 kW`, `800 W`, `45 %`, `on`. */
export function said(value: number | null | undefined, unit: string, quantity?: string): string {
  if (value === null || value === undefined || !Number.isFinite(value)) return 'not known';
  if (unit === 'on/off') return value === 0 ? 'off' : 'on';
  if (unit === '1' && quantity === 'state_of_charge') return `${digits(value * 100)} %`;
  if (unit === '1' || unit === 'code') return digits(value);
  const size = Math.abs(value);
  const larger = typedUnits(unit, quantity).filter((each) => each.unit !== 'min' && each.unit !== 'h' && size >= each.factor).at(-1);
  return larger === undefined ? `${digits(value)} ${unit}` : `${digits(value / larger.factor)} ${larger.unit}`;
}

/** A number with as many digits as people read: four that count, a true minus sign. */
export function digits(value: number): string {
  const rounded = Math.abs(value) >= 1_000 ? Math.round(value) : Number(value.toPrecision(4));
  return String(rounded === 0 ? 0 : rounded).replace('-', '−');
}
