// History in tiles, as maps are: a level is a length of column, each twice the one before; a tile is a fixed number of
// columns of one series. What was seen once is not asked for again, and until a tile is there, a coarser one stands in.

/** Columns of a tile. */
export const COLUMNS = 1024;
/** The column of level 0, in microseconds: one millisecond. */
const FINEST_US = 1_000;
/** Columns of 35 minutes: beyond this a tile is longer than any store. */
const COARSEST = 30;

export interface Tile {
  /** The samples themselves: no finer level knows more. */
  raw: boolean;
  timeUs: number[];
  min: (number | null)[];
  max: (number | null)[];
  mean: (number | null)[];
  /** When it was asked for, by the server's clock; what ends later is not complete. */
  askedUs: number;
}

export interface Range {
  fromUs: number;
  toUs: number;
}

export interface Slot extends Range {
  level: number;
  index: number;
}

export function columnUs(level: number): number {
  return FINEST_US * 2 ** level;
}

/** The level at which a range drawn so wide has about one column for each pixel. */
export function levelOf({ fromUs, toUs }: Range, pixels: number): number {
  const column = (toUs - fromUs) / Math.max(1, pixels);
  return Math.max(0, Math.min(COARSEST, Math.round(Math.log2(column / FINEST_US))));
}

/** The tiles of a level that a range touches. */
export function slotsOf({ fromUs, toUs }: Range, level: number): Slot[] {
  const length = columnUs(level) * COLUMNS;
  const slots: Slot[] = [];
  for (let index = Math.floor(fromUs / length); index * length < toUs; index += 1) {
    slots.push({ level, index, fromUs: index * length, toUs: (index + 1) * length });
  }
  return slots;
}

export function parentOf({ level, index }: Slot): Slot {
  const [up, at] = [level + 1, Math.floor(index / 2)];
  const length = columnUs(up) * COLUMNS;
  return { level: up, index: at, fromUs: at * length, toUs: (at + 1) * length };
}

function childrenOf({ level, index }: Slot): Slot[] {
  const length = columnUs(level - 1) * COLUMNS;
  return [index * 2, index * 2 + 1].map((at) => ({ level: level - 1, index: at, fromUs: at * length, toUs: (at + 1) * length }));
}

export type Find = (slot: Slot) => Tile | undefined;

export interface Part {
  tile: Tile;
  range: Range;
}

/** The best that is there for a slot: itself, what is finer, or the nearest that is coarser. */
export function best(slot: Slot, find: Find): Part[] {
  const own = find(slot);
  if (own) return [{ tile: own, range: slot }];
  const finer = slot.level > 0 ? childrenOf(slot).flatMap((child) => { const tile = find(child); return tile ? [{ tile, range: child }] : []; }) : [];
  if (finer.length === 2) return finer;
  for (let up = parentOf(slot); up.level <= COARSEST; up = parentOf(up)) {
    const tile = find(up);
    if (tile) return [{ tile, range: slot }];
  }
  return finer;
}

/** Whether a slot must be asked for: it is not there, was not complete, and no raw tile above it has all of its samples. */
export function isWanted(slot: Slot, find: Find, nowUs: number): boolean {
  if (slot.fromUs > nowUs) return false;
  for (let at = slot; at.level <= COARSEST; at = parentOf(at)) {
    const tile = find(at);
    if (tile && (at === slot || tile.raw)) return !isComplete(at, tile, nowUs);
  }
  return true;
}

/** A tile at the edge of the present is asked for again as columns are added to it, but not more often than this. */
const EDGE_US = 10e6;

function isComplete(slot: Slot, tile: Tile, nowUs: number): boolean {
  return tile.askedUs >= slot.toUs || nowUs - tile.askedUs < Math.max(EDGE_US, columnUs(slot.level));
}
