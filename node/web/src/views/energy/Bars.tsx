//! What came in above, what went out below: stacked bars of an energy balance.

import type { JSX } from 'preact';
import { useMemo } from 'preact/hooks';

import { colour } from '../../charts/colours';
import { axis, type EChartsCoreOption, tooltip, useEcharts } from '../../charts/echarts';
import { dark } from '../../state/preferences';
import { scale, text } from '../../units';
import type { Balance, BalanceRow } from '../shapes';
import { type Reach, rowName } from './period';

type Name = 'produced_wh' | 'import_wh' | 'discharged_wh' | 'consumed_wh' | 'export_wh' | 'charged_wh';

interface Part { name: Name; label: string; token: string; sign: 1 | -1; faint?: boolean }

const PARTS: readonly Part[] = [
  { name: 'produced_wh', label: 'produced', token: 'pv', sign: 1 },
  { name: 'discharged_wh', label: 'discharged', token: 'battery', sign: 1 },
  { name: 'import_wh', label: 'imported', token: 'grid', sign: 1 },
  { name: 'consumed_wh', label: 'used', token: 'load', sign: -1 },
  { name: 'charged_wh', label: 'charged', token: 'battery', sign: -1, faint: true },
  { name: 'export_wh', label: 'exported', token: 'grid', sign: -1, faint: true },
];

export function Bars({ balance, reach }: { balance: Balance; reach: Reach }): JSX.Element {
  const isDark = dark.value;
  const option = useMemo(() => optionOf(balance, reach), [balance, reach, isDark]);
  const place = useEcharts(option);
  return (
    <figure class="bars">
      <figcaption class="muted small">Above the line what came in, below it what it went into. The table below says the same.</figcaption>
      <div ref={place} class="bars-place" role="img" aria-label={`Energy as bars, ${String(balance.rows.length)} of them; the table below says the same`} />
    </figure>
  );
}

function optionOf(balance: Balance, reach: Reach): EChartsCoreOption {
  const rows = balance.rows;
  const largest = Math.max(1, ...rows.flatMap((row) => PARTS.map((part) => row[part.name] ?? 0)));
  const { by, unit } = scale(largest, 'Wh');
  return {
    grid: { left: 8, right: 12, top: 52, bottom: 8, containLabel: true },
    tooltip: tooltip({ formatter: (shown: { dataIndex: number }[]) => told(rows[shown[0]?.dataIndex ?? -1], reach, balance.zone) }),
    xAxis: { type: 'category', data: rows.map((row) => rowName(reach, row, balance.zone)), ...axis({ splitLine: { show: false }, axisTick: { show: false } }) },
    yAxis: { type: 'value', name: unit, ...axis({ axisLabel: { color: colour('ink-2'), formatter: (value: number) => String(Math.abs(value)) } }) },
    series: PARTS.filter((part) => rows.some((row) => (row[part.name] ?? 0) !== 0)).map((part) => ({
      type: 'bar', name: part.label, stack: 'energy', barMaxWidth: 28,
      itemStyle: { color: colour(part.token), opacity: part.faint ? 0.55 : 1 },
      data: rows.map((row) => { const value = row[part.name]; return value === null ? null : (part.sign * value) / by; }),
    })),
  };
}

/** Plain text: it is drawn, not made of markup. */
function told(row: BalanceRow | undefined, reach: Reach, zone: string): string {
  if (!row) return '';
  const parts = PARTS.map((part) => `${part.label}  ${text(row[part.name], 'Wh')}`);
  const measured = row.coverage < 0.995 ? [`measured  ${String(Math.floor(row.coverage * 100))} % of the time`] : [];
  return [rowName(reach, row, zone), ...parts, ...measured].join('\n');
}
