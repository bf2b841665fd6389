//! What came in above, what went out below: stacked bars of an energy balance.

import type { JSX } from 'preact';

import { StackedBars, type Bar, type BarPart } from '../../charts/StackedBars';
import type { Balance, BalanceRow } from '../shapes';
import { type Reach, rowName } from './period';

type Name = 'produced_wh' | 'import_wh' | 'discharged_wh' | 'consumed_wh' | 'export_wh' | 'charged_wh';

interface Part extends BarPart { name: Name; sign: 1 | -1 }

const PARTS: readonly Part[] = [
  { name: 'produced_wh', label: 'produced', token: 'pv', sign: 1 },
  { name: 'discharged_wh', label: 'discharged', token: 'battery', sign: 1 },
  { name: 'import_wh', label: 'imported', token: 'grid', sign: 1 },
  { name: 'consumed_wh', label: 'used', token: 'load', sign: -1 },
  { name: 'charged_wh', label: 'charged', token: 'battery', sign: -1, faint: true },
  { name: 'export_wh', label: 'exported', token: 'grid', sign: -1, faint: true },
];

export function Bars({ balance, reach }: { balance: Balance; reach: Reach }): JSX.Element {
  const parts = PARTS.filter((part) => balance.rows.some((row) => (row[part.name] ?? 0) !== 0));
  const bars = balance.rows.map((row) => barOf(row, parts, rowName(reach, row, balance.zone)));
  return (
    <figure class="bars">
      <figcaption class="muted small">Above the line what came in, below it what it went into. The table below says the same.</figcaption>
      <StackedBars label={`Energy as bars, ${String(bars.length)} of them; the table below says the same`} bars={bars} parts={parts} unit="Wh" />
    </figure>
  );
}

function barOf(row: BalanceRow, parts: readonly Part[], name: string): Bar {
  return {
    key: String(row.from_us), name, values: parts.map((part) => { const value = row[part.name]; return value === null ? null : part.sign * value; }),
    about: row.coverage < 0.995 ? `measured ${String(Math.floor(row.coverage * 100))} % of the time` : undefined,
  };
}
