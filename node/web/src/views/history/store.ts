// Tiles that are here, and those that are on their way.

import { ask, api } from '../../api/client';
import { asProblem, isAbort, type ProblemError } from '../../api/problem';
import { serverNow } from '../../state/now';
import { COLUMNS, isWanted, type Slot, type Tile } from './tiles';

/** At most so many tiles are kept; the one that was not drawn for the longest goes first. */
const MOST = 1_500;
/** Requests at a time: the browser has six lines, and one is for live data. */
const AT_ONCE = 4;

/** What a series is, told with its tiles. */
export interface About {
  unit: string;
  quantity: string;
}

interface Pending {
  slot: Slot;
  series: string[];
  stop: AbortController;
  begun: boolean;
}

export class TileStore {
  readonly about = new Map<string, About>();
  private readonly tiles = new Map<string, Tile>();
  private readonly pending = new Map<string, Pending>();

  constructor(private readonly operator: string, private readonly site: string, private readonly onChange: (problem: ProblemError | null) => void) {}

  find(series: string, slot: Slot): Tile | undefined {
    const key = keyOf(series, slot);
    const tile = this.tiles.get(key);
    if (tile) {
      // Drawn last, dropped last.
      this.tiles.delete(key);
      this.tiles.set(key, tile);
    }
    return tile;
  }

  get busy(): boolean {
    return this.pending.size > 0;
  }

  /** Asks for what these slots lack, and gives up on what they do not need. */
  want(series: readonly string[], slots: readonly Slot[]): void {
    const now = serverNow();
    const wanted = new Map<string, Pending>();
    for (const slot of slots) {
      const lacking = series.filter((name) => isWanted(slot, (at) => this.tiles.get(keyOf(name, at)), now));
      if (lacking.length > 0) wanted.set(keyOf(lacking.join(','), slot), { slot, series: lacking, stop: new AbortController(), begun: false });
    }
    for (const [key, pending] of this.pending) {
      if (wanted.has(key)) continue;
      pending.stop.abort();
      this.pending.delete(key);
    }
    for (const [key, pending] of wanted) if (!this.pending.has(key)) this.pending.set(key, pending);
    this.begin();
  }

  close(): void {
    for (const pending of this.pending.values()) pending.stop.abort();
    this.pending.clear();
  }

  private begin(): void {
    const all = [...this.pending.entries()];
    let free = AT_ONCE - all.filter(([, pending]) => pending.begun).length;
    for (const [key, pending] of all) {
      if (free <= 0) return;
      if (pending.begun) continue;
      pending.begun = true;
      free -= 1;
      void this.fetch(key, pending);
    }
  }

  private async fetch(key: string, { slot, series, stop }: Pending): Promise<void> {
    const askedUs = serverNow();
    let problem: ProblemError | null = null;
    try {
      const answer = await ask(api.GET('/api/v1/operators/{operator}/sites/{site}/chart', {
        params: {
          path: { operator: this.operator, site: this.site },
          query: { series: [...series], from: String(slot.fromUs), to: String(slot.toUs), width: COLUMNS },
        },
        signal: stop.signal,
      }));
      const empty: Tile = { raw: true, timeUs: [], min: [], max: [], mean: [], askedUs };
      for (const name of series) this.put(keyOf(name, slot), empty);
      for (const one of answer.series) {
        this.about.set(one.series, { unit: one.unit, quantity: one.quantity });
        const value = one.value ?? [];
        this.put(keyOf(one.series, slot), { raw: one.raw, timeUs: one.time_us, min: one.min ?? value, max: one.max ?? value, mean: one.mean ?? value, askedUs });
      }
    } catch (error) {
      if (isAbort(error) || stop.signal.aborted) return;
      problem = asProblem(error);
    }
    this.pending.delete(key);
    this.onChange(problem);
    this.begin();
  }

  private put(key: string, tile: Tile): void {
    this.tiles.delete(key);
    this.tiles.set(key, tile);
    for (const oldest of this.tiles.keys()) {
      if (this.tiles.size <= MOST) return;
      this.tiles.delete(oldest);
    }
  }
}

function keyOf(series: string, { level, index }: Slot): string {
  return `${String(level)} ${String(index)} ${series}`;
}
