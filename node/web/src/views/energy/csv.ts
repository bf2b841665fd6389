//! An energy balance as a file.

import type { Balance, BalanceRow } from '../shapes';

/** The rows as CSV, in base units, as every other file of memcore; times are UTC. Empty is not known. */
export function csv(balance: Pick<Balance, 'currency' | 'rows'>): string {
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
