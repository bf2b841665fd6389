//! The rows of an energy balance, as a table.

import type { JSX } from 'preact';

import { type Column, Table, Value } from '../../design';
import { scaled } from '../../units';
import type { Balance, BalanceRow } from '../shapes';
import { type Reach, rowName } from './period';

export function BalanceTable({ balance, reach }: { balance: Balance; reach: Reach }): JSX.Element {
  return <Table label="Energy" phone="table" columns={columns(balance, reach)} rows={balance.rows} rowKey={(row) => String(row.from_us)} />;
}

type Amount = 'consumed_wh' | 'produced_wh' | 'import_wh' | 'export_wh' | 'charged_wh' | 'discharged_wh' | 'unexplained_wh';

function columns({ rows, zone, currency }: Balance, reach: Reach): Column<BalanceRow>[] {
  const energy = (name: Amount, title: string, hide?: 'phone'): Column<BalanceRow> => {
    // One unit for a column, so that its numbers can be compared by looking at them.
    const size = Math.max(...rows.map((row) => Math.abs(row[name] ?? 0)));
    return { key: name, title, align: 'end', ...(hide ? { hide } : {}), sort: (row) => row[name], cell: (row) => <Energy value={row[name]} size={size} /> };
  };
  const share = (name: 'self_consumption' | 'self_sufficiency', title: string): Column<BalanceRow> =>
    ({ key: name, title, align: 'end', hide: 'phone', sort: (row) => row[name], cell: (row) => <Value value={row[name]} unit="1" digits={0} /> });
  const money = (name: 'cost' | 'revenue', title: string): Column<BalanceRow> =>
    ({ key: name, title, align: 'end', hide: 'phone', sort: (row) => row[name], cell: (row) => <Value value={row[name]} unit={currency ?? ''} digits={2} /> });
  const has = (name: Amount) => rows.some((row) => (row[name] ?? 0) !== 0);
  return [
    { key: 'time', title: 'Time', sort: (row) => row.from_us, cell: (row) => <span class="number">{rowName(reach, row, zone)}</span> },
    energy('consumed_wh', 'Used'), energy('produced_wh', 'Produced'), energy('import_wh', 'Imported'), energy('export_wh', 'Exported'),
    ...(has('charged_wh') ? [energy('charged_wh', 'Charged', 'phone')] : []), ...(has('discharged_wh') ? [energy('discharged_wh', 'Discharged', 'phone')] : []),
    ...(has('unexplained_wh') ? [energy('unexplained_wh', 'Unexplained', 'phone')] : []),
    share('self_consumption', 'Self-cons.'), share('self_sufficiency', 'Self-suff.'),
    ...(currency === null ? [] : [money('cost', 'Cost'), money('revenue', 'Revenue')]),
    { key: 'coverage', title: 'Measured', align: 'end', hide: 'phone', sort: (row) => row.coverage, cell: (row) => <Value value={row.coverage} unit="1" digits={0} stale={row.coverage < 0.99} /> },
  ];
}

function Energy({ value, size }: { value: number | null; size: number }): JSX.Element {
  if (value === null) return <Value value={null} unit="Wh" />;
  const shown = scaled(value, 'Wh', { size, digits: size >= 1_000 ? 1 : 0 });
  return <span class="value number">{shown.text}<span class="unit">{`\u202f${shown.unit}`}</span></span>;
}
