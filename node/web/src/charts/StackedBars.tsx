// Bars of several parts, above and below a line: drawn as SVG, so that colours are the page's own and text is text.

import { useLayoutEffect, useRef, useState } from 'preact/hooks';

import { scale, text } from '../units';
import { px } from './size';
import './stacked-bars.css';

export interface BarPart {
  label: string;
  /** Its colour's token. */
  token: string;
  faint?: boolean;
}

export interface Bar {
  key: string;
  name: string;
  /** One for each part, in the base unit: above the line what is positive. Null is not known. */
  values: readonly (number | null)[];
  /** What is said of it beside its values. */
  about?: string | undefined;
}

interface Props {
  label: string;
  bars: readonly Bar[];
  parts: readonly BarPart[];
  unit: string;
  /** Digits of the values that are told. */
  digits?: number;
}

/** Names below the bars stand at least so far apart, in pixels. */
const APART_PX = 46;
const TOLD_PX = 200;

export function StackedBars({ label, bars, parts, unit, digits }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const width = useWidth(box);
  const [at, setAt] = useState<number | null>(null);
  const [height, left, top, bottom, wide] = [px(320), px(64), px(12), px(26), px(TOLD_PX)];
  const drawn = bars.map(stacked);
  const { marks, low, high } = axisOf(Math.min(0, ...drawn.map((one) => one.low)), Math.max(0, ...drawn.map((one) => one.high)));
  const size = Math.max(Math.abs(low), Math.abs(high));
  const shown = scale(size, unit);
  const y = (value: number) => top + ((high - value) / (high - low)) * (height - top - bottom);
  const step = (width - left) / Math.max(1, bars.length);
  const thick = Math.min(px(36), Math.max(2, step * 0.72));
  const every = Math.ceil(px(APART_PX) / Math.max(1, step));
  const told = at === null ? undefined : bars[at];
  const point = (event: PointerEvent & { currentTarget: SVGSVGElement }) => {
    const index = Math.floor((event.clientX - event.currentTarget.getBoundingClientRect().left - left) / step);
    setAt(index >= 0 && index < bars.length ? index : null);
  };
  return (
    <div class="stacked">
      <ul class="stacked-legend">{parts.map((part) => <li key={part.label}><Swatch part={part} />{part.label}</li>)}</ul>
      <div ref={box} class="stacked-place">
        <svg width={width} height={height} role="img" aria-label={label} onPointerMove={point} onPointerDown={point} onPointerLeave={() => { setAt(null); }}>
          {marks.map((mark) => (
            <g key={mark}>
              <line class="stacked-mark" data-zero={mark === 0 ? '' : undefined} x1={left} x2={width} y1={y(mark)} y2={y(mark)} />
              <text class="stacked-text" x={left - 8} y={y(mark)} text-anchor="end" dominant-baseline="middle">{`${round(Math.abs(mark) / shown.by)} ${shown.unit}`}</text>
            </g>
          ))}
          {at !== null && <rect class="stacked-hover" x={left + at * step} y={top} width={step} height={height - top - bottom} />}
          {bars.map((bar, index) => {
            const middle = left + (index + 0.5) * step;
            return (
              <g key={bar.key}>
                {drawn[index]?.pieces.map(({ part, from, to }) => (
                  <rect key={part} x={middle - thick / 2} width={thick} y={Math.min(y(from), y(to))} height={Math.abs(y(from) - y(to))}
                    style={{ fill: `var(--${parts[part]?.token ?? 'load'})` }} opacity={parts[part]?.faint ? 0.55 : 1} />
                ))}
                {index % every === 0 && <text class="stacked-text" x={middle} y={height - 8} text-anchor="middle">{bar.name}</text>}
              </g>
            );
          })}
        </svg>
        {told && at !== null && (
          <div class="stacked-told" style={{ left: `${String(Math.max(0, Math.min(width - wide, left + (at + 0.5) * step - wide / 2)))}px` }}>
            <strong>{told.name}</strong>
            <dl>{parts.map((part, index) => (
              <div key={part.label}><dt><Swatch part={part} />{part.label}</dt><dd class="number">{text(absolute(told.values[index]), unit, digits === undefined ? {} : { digits })}</dd></div>
            ))}</dl>
            {told.about && <p class="small">{told.about}</p>}
          </div>
        )}
      </div>
    </div>
  );
}

function Swatch({ part }: { part: BarPart }) {
  return <svg class="stacked-swatch" viewBox="0 0 10 10" aria-hidden="true"><rect width="10" height="10" rx="2" style={{ fill: `var(--${part.token})` }} opacity={part.faint ? 0.55 : 1} /></svg>;
}

function absolute(value: number | null | undefined): number | null {
  return value === null || value === undefined ? null : Math.abs(value);
}

interface Piece { part: number; from: number; to: number }

/** Each part on top of those before it, on its side of the line. */
function stacked(bar: Bar): { pieces: Piece[]; low: number; high: number } {
  const pieces: Piece[] = [];
  let [low, high] = [0, 0];
  bar.values.forEach((value, part) => {
    if (value === null || value === 0) return;
    const from = value > 0 ? high : low;
    const to = from + value;
    pieces.push({ part, from, to });
    if (value > 0) high = to;
    else low = to;
  });
  return { pieces, low, high };
}

/** Round marks from below the lowest to above the highest: about five of them. */
export function axisOf(lowest: number, highest: number): { marks: number[]; low: number; high: number } {
  const length = highest - lowest;
  if (!(length > 0)) return { marks: [0], low: 0, high: 1 };
  const rough = length / 5;
  const ten = 10 ** Math.floor(Math.log10(rough));
  const step = ([1, 2, 2.5, 5, 10].find((each) => each * ten >= rough) ?? 10) * ten;
  const [first, last] = [Math.floor(lowest / step - 1e-9), Math.ceil(highest / step - 1e-9)];
  const marks = Array.from({ length: last - first + 1 }, (_, index) => (first + index) * step);
  return { marks, low: first * step, high: last * step };
}

function round(value: number): string {
  return String(Number(value.toPrecision(3)));
}

function useWidth(box: { current: HTMLDivElement | null }): number {
  const [width, setWidth] = useState(600);
  useLayoutEffect(() => {
    const place = box.current;
    if (!place) return undefined;
    const look = () => { setWidth(Math.max(120, place.clientWidth)); };
    look();
    const sizes = new ResizeObserver(look);
    sizes.observe(place);
    return () => { sizes.disconnect(); };
  }, []);
  return width;
}
