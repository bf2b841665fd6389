//! Sums over the rows of an energy balance, and the same as CSV.

import type { Balance, BalanceRow } from '../shapes';

/** The sums of a period. What is not known in any row is null; the shares are those of the sums. */
export interface Sums {
  import_wh: number | null;
  export_wh: number | null;
  produced_wh: number | null;
  charged_wh: number | null;
  discharged_wh: number | null;
  consumed_wh: number | null;
  unexplained_wh: number | null;
  cost: number | null;
  revenue: number | null;
  self_consumption: number | null;
  self_sufficiency: number | null;
  coverage: number | null;
}

type Amount = 'import_wh' | 'export_wh' | 'produced_wh' | 'charged_wh' | 'discharged_wh' | 'consumed_wh' | 'unexplained_wh' | 'cost' | 'revenue';

/** Adds up what is known. */
export function sums(rows: BalanceRow[]): Sums {
  const total = (name: Amount) => {
    const known = rows.map((row) => row[name]).filter((value): value is number => value !== null);
    return known.length > 0 ? known.reduce((a, b) => a + b, 0) : null;
  };
  const [imported, exported, produced, consumed, unexplained] = [total('import_wh'), total('export_wh'), total('produced_wh'), total('consumed_wh'), total('unexplained_wh')];
  const used = consumed === null ? null : consumed + (unexplained ?? 0);
  return {
    import_wh: imported, export_wh: exported, produced_wh: produced, consumed_wh: consumed, unexplained_wh: unexplained,
    charged_wh: total('charged_wh'), discharged_wh: total('discharged_wh'), cost: total('cost'), revenue: total('revenue'),
    self_consumption: share(exported, produced),
    self_sufficiency: share(imported, used),
    coverage: coverage(rows),
  };
}

/** One less the part of the whole: none without a whole; between 0 and 1, since meters differ a little. */
function share(part: number | null, whole: number | null): number | null {
  if (part === null || whole === null || whole <= 0) return null;
  return Math.min(1, Math.max(0, 1 - part / whole));
}

/** The share of the time that was measured; a future hour is not measured, and is left out. */
function coverage(rows: BalanceRow[], now = Date.now() * 1_000): number | null {
  const past = rows.filter((row) => row.from_us < now);
  const length = past.reduce((sum, row) => sum + (row.to_us - row.from_us), 0);
  if (length <= 0) return null;
  return past.reduce((sum, row) => sum + row.coverage * (row.to_us - row.from_us), 0) / length;
}

/** The rows as CSV, in base units, as every other file of memcore; times are UTC. Empty is not known. */
export function csv(balance: Balance): string {
  const currency = (balance.currency ?? 'money').toLowerCase();
  const columns: [string, (row: BalanceRow) => string][] = [
    ['from', (row) => instant(row.from_us)], ['to', (row) => instant(row.to_us)],
    ['import_wh', (row) => number(row.import_wh)], ['export_wh', (row) => number(row.export_wh)],
    ['produced_wh', (row) => number(row.produced_wh)], ['charged_wh', (row) => number(row.charged_wh)],
    ['discharged_wh', (row) => number(row.discharged_wh)], ['consumed_wh', (row) => number(row.consumed_wh)],
    ['unexplained_wh', (row) => number(row.unexplained_wh)], ['coverage', (row) => number(row.coverage)],
    ['self_consumption', (row) => number(row.self_consumption)], ['self_sufficiency', (row) => number(row.self_sufficiency)],
    [`cost_${currency}`, (row) => number(row.cost)], [`revenue_${currency}`, (row) => number(row.revenue)],
  ];
  const lines = [columns.map(([name]) => name), ...balance.rows.map((row) => columns.map(([, cell]) => cell(row)))];
  return `${lines.map((line) => line.join(',')).join('\n')}\n`;
}

function instant(us: number): string {
  return new Date(us / 1_000).toISOString();
}

function number(value: number | null): string {
  return value === null ? '' : String(value);
}
