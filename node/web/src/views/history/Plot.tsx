// Lines over time, by uPlot. It is made anew when the lines, units or colours are others; otherwise data and range are set.

import { useEffect, useRef } from 'preact/hooks';
import uPlot from 'uplot';
import 'uplot/dist/uPlot.min.css';

import { colour } from '../../charts/colours';
import { px } from '../../charts/size';
import { dark, zone } from '../../state/preferences';
import { text } from '../../units';
import { listen, type Movement } from './gestures';
import type { Line } from './lines';
import { label, stepFor, ticks } from './ticks';
import type { Range } from './tiles';

export interface PlotLine {
  series: string;
  unit: string;
  /** Its colour's token. */
  token: string;
  /** Drawn in steps: a state holds until the next. */
  steps: boolean;
  line: Line;
}

interface Props {
  lines: readonly PlotLine[];
  range: Range;
  movement: Movement;
  onSelect: (range: Range) => void;
  onBack: () => void;
  /** The time under the pointer, in seconds. */
  onCursor: (atS: number | null) => void;
  onWidth: (pixels: number) => void;
}

/** Marks of the time axis stand at least so far apart, in pixels. */
const APART_PX = 60;

export function Plot(props: Props) {
  const { lines, range, onWidth } = props;
  const place = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot | null>(null);
  const latest = useRef(props);
  latest.current = props;
  const shape = JSON.stringify([lines.map((one) => [one.series, one.unit, one.token, one.steps]), dark.value, zone.value]);

  useEffect(() => {
    const box = place.current;
    if (!box) return undefined;
    const made = new uPlot(options(box, latest), dataOf(latest.current.lines), box);
    plot.current = made;
    draw(made, latest.current);
    const deafen = listen(made.over, {
      zoom: (factor, at) => { latest.current.movement.zoom(factor, at); },
      pan: (part) => { latest.current.movement.pan(part); },
    });
    onWidth(made.over.clientWidth);
    const sizes = new ResizeObserver(() => {
      made.setSize({ width: box.clientWidth, height: box.clientHeight });
      onWidth(made.over.clientWidth);
    });
    sizes.observe(box);
    return () => {
      sizes.disconnect();
      deafen();
      made.destroy();
      plot.current = null;
    };
  }, [shape]);

  useEffect(() => { if (plot.current) draw(plot.current, { lines, range }); }, [lines, range, shape]);
  return <div ref={place} class="plot" />;
}

function draw(plot: uPlot, { lines, range }: Pick<Props, 'lines' | 'range'>): void {
  plot.batch(() => {
    plot.setData(dataOf(lines), false);
    plot.setScale('x', { min: range.fromUs / 1e6, max: range.toUs / 1e6 });
  });
}

function dataOf(lines: readonly PlotLine[]): uPlot.AlignedData {
  if (lines.length === 0) return [[]];
  const tables = lines.map(({ line }) => [line.time, line.mean, line.min, line.max] as uPlot.AlignedData);
  const [only] = tables;
  if (tables.length === 1 && only) return only;
  // Holes stay holes where other lines have times within them.
  return uPlot.join(tables, lines.map(() => [2, 2, 2, 2]));
}

function options(box: HTMLElement, latest: { current: Props }): uPlot.Options {
  const { lines } = latest.current;
  const units = [...new Set(lines.map((one) => one.unit))];
  return {
    width: box.clientWidth,
    height: box.clientHeight,
    legend: { show: false },
    padding: [px(12), units.length > 1 ? 0 : px(24), 0, 0],
    scales: { x: { time: false, auto: false }, ...Object.fromEntries(units.map((unit) => [unit, scaleOf(unit)])) },
    axes: [timeAxis(), ...units.map(valueAxis)],
    series: [{}, ...lines.flatMap(seriesOf)],
    bands: lines.map((one, index) => ({ series: [index * 3 + 3, index * 3 + 2], fill: `${colour(one.token)}38` })),
    cursor: cursorOf(latest),
    hooks: {
      setSelect: [(plot) => {
        if (plot.select.width < 4) return;
        const [from, to] = [plot.posToVal(plot.select.left, 'x'), plot.posToVal(plot.select.left + plot.select.width, 'x')];
        plot.setSelect({ left: 0, top: 0, width: 0, height: 0 }, false);
        latest.current.onSelect({ fromUs: from * 1e6, toUs: to * 1e6 });
      }],
      setCursor: [(plot) => {
        const { left } = plot.cursor;
        latest.current.onCursor(left === undefined || left < 0 ? null : plot.posToVal(left, 'x'));
      }],
    },
  };
}

/** Zero is in sight where values come near it: a chart of power without it would lie. */
function scaleOf(unit: string): uPlot.Scale {
  if (unit === '1') return { range: [0, 1] };
  if (unit === 'on/off') return { range: [-0.1, 1.1] };
  return { range: (_, min, max) => {
    if (!Number.isFinite(min) || !Number.isFinite(max)) return [0, 1];
    return uPlot.rangeNum(min, max, { min: { pad: 0.08, soft: 0, mode: 2 }, max: { pad: 0.08, soft: 0, mode: 2 } });
  } };
}

function seriesOf(one: PlotLine): uPlot.Series[] {
  const stroke = colour(one.token);
  const paths = one.steps ? uPlot.paths.stepped?.({ align: 1 }) : uPlot.paths.linear?.();
  const common: uPlot.Series = { scale: one.unit, spanGaps: false, points: { show: false }, ...(paths ? { paths } : {}) };
  const edge: uPlot.Series = { ...common, width: 0, stroke: 'transparent' };
  return [{ ...common, stroke, width: 1.5 }, edge, edge];
}

function timeAxis(): uPlot.Axis {
  // While it is being resized, the box knows its new width and the surface does not yet.
  const widthOf = (plot: uPlot) => plot.bbox.width / devicePixelRatio || plot.width;
  const step = (plot: uPlot, min: number, max: number) => stepFor(((max - min) * px(APART_PX)) / Math.max(1, widthOf(plot)));
  return {
    ...axisLook(),
    size: px(44),
    splits: (plot, _, min, max) => ticks(min, max, step(plot, min, max), zone.value),
    values: (plot, splits) => {
      const { min, max } = plot.scales.x ?? {};
      const [first = '', ...others] = splits.map((at, index) => label(at, splits[index - 1] ?? null, step(plot, min ?? 0, max ?? 1), zone.value));
      // Two dates side by side have no room for the year of the first.
      return [others[0]?.includes('\n') ? first.replace(/ \d{4}$/, '') : first, ...others];
    },
    filter: (_, splits) => splits,
  };
}

function valueAxis(unit: string, index: number): uPlot.Axis {
  return {
    ...axisLook(),
    scale: unit,
    // 3 is left, 1 is right. The names of uPlot's enum are not there when modules are compiled one by one.
    // eslint-disable-next-line @typescript-eslint/no-unsafe-enum-assignment
    side: index === 0 ? 3 : 1,
    size: px(68),
    space: px(36),
    grid: { show: index === 0, stroke: colour('line'), width: 1 },
    values: (_, splits) => {
      const size = Math.max(...splits.map(Math.abs));
      const step = Math.abs((splits[1] ?? 1) - (splits[0] ?? 0));
      return splits.map((value) => text(value, unit, { size, digits: digitsFor(step, size, unit) }));
    },
  };
}

/** As many digits as tell two marks apart, in the unit that is shown. */
function digitsFor(step: number, size: number, unit: string): number {
  const shown = unit === '1' ? step * 100 : size >= 1e6 ? step / 1e6 : size >= 1e3 ? step / 1e3 : step;
  return Math.max(0, Math.min(4, Math.ceil(-Math.log10(shown) - 1e-9)));
}

function axisLook(): uPlot.Axis {
  const font = `${String(px(12))}px ${getComputedStyle(document.body).fontFamily}`;
  return { stroke: colour('ink-2'), font, lineGap: 1.25, grid: { stroke: colour('line'), width: 1 }, ticks: { stroke: colour('line-strong'), width: 1, size: 5 } };
}

function cursorOf(latest: { current: Props }): uPlot.Cursor {
  return {
    y: false,
    drag: { x: true, y: false, setScale: false },
    points: { size: 7 },
    // Each line's own nearest value: at most times only one of them has one.
    dataIdx: (plot, series, hovered) => (series % 3 === 1 ? nearest(plot.data[series] ?? [], hovered) : hovered),
    bind: {
      // With shift or the middle button one moves; that is not the plot's.
      mousedown: (_, __, handler) => (event) => (event.button === 0 && !event.shiftKey ? handler(event) : null),
      dblclick: () => () => { latest.current.onBack(); return null; },
    },
  };
}

const LOOK_AROUND = 200;

function nearest(values: ArrayLike<number | null | undefined>, at: number): number {
  for (let distance = 0; distance < LOOK_AROUND; distance += 1) {
    for (const index of [at - distance, at + distance]) {
      const value = values[index];
      if (value === null) return at;
      if (value !== undefined) return index;
    }
  }
  return at;
}
