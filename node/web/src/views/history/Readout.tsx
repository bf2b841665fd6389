// What the lines are and what they show: at the pointer, or at the end.

import { IconButton, Value } from '../../design';
import { zone } from '../../state/preferences';
import { instant } from '../../times';
import { lowerBound, type Line } from './lines';
import type { PlotLine } from './Plot';
import { labelOf, type Channel } from './useChannels';

interface Props {
  lines: readonly PlotLine[];
  chosen: readonly string[];
  /** Seconds since the epoch. */
  cursor: number | null;
  channels: ReadonlyMap<string, Channel>;
  onRemove: (series: string) => void;
}

export function Readout({ lines, cursor, channels, onRemove }: Props) {
  return (
    <div class="table-box">
      <table class="table" aria-label="Values of the chart">
        <thead>
          <tr>
            <th scope="col">Series</th>
            <th scope="col" data-align="end">{cursor === null ? 'Last in sight' : <time class="number">{instant(cursor * 1e6, zone.value)}</time>}</th>
            <th scope="col" data-align="end" data-hide="phone">Lowest in sight</th>
            <th scope="col" data-align="end" data-hide="phone">Highest in sight</th>
            <th scope="col"><span class="visually-hidden">Remove</span></th>
          </tr>
        </thead>
        <tbody>
          {lines.map(({ series, unit, token, line }) => {
            const index = cursor === null ? lastOf(line) : nearestOf(line, cursor);
            const [low, high] = [line.min[index], line.max[index]];
            const [lowest, highest] = extremes(line);
            return (
              <tr key={series}>
                <td>
                  <span class="readout-name">
                    <svg class="swatch" viewBox="0 0 16 8" aria-hidden="true"><path d="M0 4h16" data-token={token} /></svg>
                    <span class="wrap">{series}<span class="faint"> {labelOf(channels.get(series))}</span></span>
                  </span>
                </td>
                <td data-align="end">
                  <Value value={line.mean[index]} unit={unit} />
                  {low !== high && <span class="faint small number" data-hide="phone"> (<Value value={low} unit={unit} /> to <Value value={high} unit={unit} />)</span>}
                </td>
                <td data-align="end" data-hide="phone"><Value value={lowest} unit={unit} /></td>
                <td data-align="end" data-hide="phone"><Value value={highest} unit={unit} /></td>
                <td data-align="end"><IconButton icon="close" label={`Remove ${series}`} onClick={() => { onRemove(series); }} /></td>
              </tr>
            );
          })}
        </tbody>
      </table>
    </div>
  );
}

function lastOf(line: Line): number {
  let index = line.time.length - 1;
  while (index >= 0 && line.mean[index] === null) index -= 1;
  return index;
}

/** So many of the last spacings beyond the ends a value still counts. */
const BEYOND = 6;

/** Where the nearest point is. In a hole that is the hole; far before the first or after the last there is none (-1). */
function nearestOf(line: Line, atS: number): number {
  const after = lowerBound(line.time, atS);
  const [a, b] = [line.time[after - 1], line.time[after]];
  if (b === undefined) return reaches(atS, a, line.time[after - 2]) ? after - 1 : -1;
  if (a === undefined) return reaches(atS, b, line.time[after + 1]) ? after : -1;
  if (line.mean[after] === null) return after;
  if (line.mean[after - 1] === null) return after - 1;
  return atS - a < b - atS ? after - 1 : after;
}

function reaches(atS: number, end: number | undefined, next: number | undefined): boolean {
  return end !== undefined && (end === atS || (next !== undefined && Math.abs(atS - end) <= BEYOND * Math.abs(end - next)));
}

function extremes(line: Line): [number | null, number | null] {
  let [low, high]: [number | null, number | null] = [null, null];
  for (const value of line.min) if (value !== null && (low === null || value < low)) low = value;
  for (const value of line.max) if (value !== null && (high === null || value > high)) high = value;
  return [low, high];
}
