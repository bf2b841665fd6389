// Out of tiles into what is drawn: one line of rising times for each series, with a hole where nothing is known.

import { best, columnUs, levelOf, slotsOf, type Find, type Range } from './tiles';

export interface Line {
  /** Seconds since the epoch. */
  time: number[];
  mean: (number | null)[];
  min: (number | null)[];
  max: (number | null)[];
}

/** Readings that arrived since, raw. */
export interface Tail {
  us: number[];
  value: (number | null)[];
}

/** A silence so long is drawn as a hole: what the channel declares, or a few times of what is usual in what is drawn. */
export interface Silence {
  maxAgeUs: number | null;
  cadenceUs: number | null;
}

const USUAL = 6;

export function lineOf(range: Range, pixels: number, find: Find, tail: Tail | undefined, silence: Silence): Line {
  const level = levelOf(range, pixels);
  const slots = slotsOf(range, level);
  const line: Line = { time: [], mean: [], min: [], max: [] };
  let columnS = 0;
  for (const slot of slots) {
    for (const { tile, range: part } of best(slot, find)) {
      if (!tile.raw) columnS = Math.max(columnS, columnUs(level) / 1e6);
      const [first, last] = [lowerBound(tile.timeUs, part.fromUs), lowerBound(tile.timeUs, part.toUs)];
      for (let index = first; index < last; index += 1) {
        line.time.push((tile.timeUs[index] ?? 0) / 1e6);
        line.mean.push(tile.mean[index] ?? null);
        line.min.push(tile.min[index] ?? null);
        line.max.push(tile.max[index] ?? null);
      }
    }
  }
  if (tail) append(line, tail, range);
  return withHoles(line, longest(line, silence, columnS));
}

function append(line: Line, tail: Tail, range: Range): void {
  const after = (line.time[line.time.length - 1] ?? -Infinity) * 1e6;
  for (let index = lowerBound(tail.us, Math.max(after + 1, range.fromUs)); index < tail.us.length; index += 1) {
    const value = tail.value[index] ?? null;
    line.time.push((tail.us[index] ?? 0) / 1e6);
    line.mean.push(value);
    line.min.push(value);
    line.max.push(value);
  }
}

function longest(line: Line, { maxAgeUs, cadenceUs }: Silence, columnS: number): number {
  const declared = Math.max(maxAgeUs ?? 0, (cadenceUs ?? 0) * 3) / 1e6;
  const usual = declared > 0 ? declared : usualS(line.time) * USUAL;
  return Math.max(usual, columnS * 2.5);
}

/** The middle one of the distances, of a few that are looked at. */
function usualS(time: readonly number[]): number {
  const stride = Math.max(1, Math.floor(time.length / 200));
  const distances: number[] = [];
  for (let index = stride; index < time.length; index += stride) distances.push((time[index] ?? 0) - (time[index - 1] ?? 0));
  distances.sort((a, b) => a - b);
  return distances[distances.length >> 1] ?? Infinity;
}

function withHoles(line: Line, longestS: number): Line {
  const out: Line = { time: [], mean: [], min: [], max: [] };
  line.time.forEach((time, index) => {
    const before = line.time[index - 1];
    if (before !== undefined && time <= before) return;
    if (before !== undefined && time - before > longestS) {
      out.time.push(before + (time - before) / 2);
      out.mean.push(null);
      out.min.push(null);
      out.max.push(null);
    }
    out.time.push(time);
    out.mean.push(line.mean[index] ?? null);
    out.min.push(line.min[index] ?? null);
    out.max.push(line.max[index] ?? null);
  });
  return out;
}

/** The first place whose value is not below. */
export function lowerBound(sorted: readonly number[], value: number): number {
  let [low, high] = [0, sorted.length];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((sorted[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
