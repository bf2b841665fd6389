//! Lines over time with uPlot: planned steps, measured steps, states of charge, prices.

import 'uplot/dist/uPlot.min.css';

import type { JSX } from 'preact';
import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';

import { colour } from '../../charts/colours';
import { px } from '../../charts/size';
import { dark, zone } from '../../state/preferences';
import { clock, day as dayOf, instant } from '../../times';
import { text } from '../../units';
import type { Stepped } from './stepped';

export interface Line { label: string; token: string; unit: string; steps: boolean; dash?: boolean; fill?: boolean }

/** One chart; its lines have the unit of the axis. `now` is drawn as a line of its own. */
export function Lines({ title, lines, data, nowUs, height = 200 }: { title: string; lines: readonly Line[]; data: Stepped; nowUs?: number | undefined; height?: number }): JSX.Element {
  const place = useRef<HTMLDivElement>(null);
  const [isDark, inZone] = [dark.value, zone.value];
  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const chart = new uPlot(options(lines, inZone, nowUs, Math.max(240, box.clientWidth), px(height)), [data.times, ...data.columns], box);
    const sizes = new ResizeObserver(() => { chart.setSize({ width: Math.max(240, box.clientWidth), height: px(height) }); });
    sizes.observe(box);
    return () => {
      sizes.disconnect();
      chart.destroy();
    };
  }, [lines, data, nowUs, isDark, inZone, height]);
  return <figure class="lines"><figcaption class="muted small">{title}</figcaption><div ref={place} role="img" aria-label={title} /></figure>;
}

const sync = uPlot.sync('plan');

function options(lines: readonly Line[], inZone: string, nowUs: number | undefined, width: number, height: number): uPlot.Options {
  const unit = lines[0]?.unit ?? '';
  const stroke = colour('ink-2');
  const grid = { stroke: colour('line'), width: 1 };
  const ticks = { stroke: colour('line-strong'), width: 1 };
  const font = `${String(px(12))}px ${getComputedStyle(document.body).fontFamily}`;
  const stepAfter = uPlot.paths.stepped?.({ align: 1 });
  return {
    width, height,
    tzDate: (seconds) => uPlot.tzDate(new Date(seconds * 1e3), inZone),
    legend: { markers: { dash: (_, at) => (lines[at - 1]?.dash ? 'dashed' : 'solid') } },
    cursor: { sync: { key: sync.key }, drag: { x: true, y: false } },
    axes: [{ stroke, grid, ticks, font, size: px(50), space: px(60), values: (_, times) => times.map((seconds, at) => label(seconds, times[at - 1], inZone)) }, { stroke, grid, ticks, font, size: px(72), values: (_, values) => values.map((value) => text(value, unit)) }],
    series: [
      { value: (_, seconds: number | null) => (seconds === null ? '–' : instant(seconds * 1e6, inZone, false)), label: 'Time' },
      ...lines.map((line): uPlot.Series => ({
        label: line.label, stroke: colour(line.token), width: line.dash ? 1.5 : 2, points: { show: false }, spanGaps: false,
        value: (_, value: number | null) => text(value, line.unit),
        ...(line.dash ? { dash: [5, 4] } : {}), ...(line.fill ? { fill: `${colour(line.token)}22` } : {}), ...(line.steps && stepAfter ? { paths: stepAfter } : {}),
      })),
    ],
    hooks: { draw: [(chart) => { if (nowUs !== undefined) present(chart, nowUs / 1e6); }] },
  };
}

/** The clock, with the day below it where one begins. */
function label(seconds: number, before: number | undefined, inZone: string): string {
  const today = dayOf(seconds * 1e6, inZone);
  const text = clock(seconds * 1e6, inZone, false);
  return before !== undefined && dayOf(before * 1e6, inZone) === today ? text : `${text}\n${today}`;
}

/** A line where now is. */
function present(chart: uPlot, now: number): void {
  const { left, top, width, height } = chart.bbox;
  const x = Math.round(chart.valToPos(now, 'x', true));
  if (x < left || x > left + width) return;
  const { ctx } = chart;
  ctx.save();
  ctx.strokeStyle = colour('ink-3');
  ctx.setLineDash([2, 3]);
  ctx.beginPath();
  ctx.moveTo(x, top);
  ctx.lineTo(x, top + height);
  ctx.stroke();
  ctx.restore();
}
