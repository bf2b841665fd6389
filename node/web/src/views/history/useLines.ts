import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { seriesToken } from '../../charts/colours';
import { useLive } from '../../api/live';
import type { ProblemError } from '../../api/problem';
import type { Horizon } from './horizon';
import { lineOf, type Tail } from './lines';
import type { PlotLine } from './Plot';
import { TileStore } from './store';
import { levelOf, slotsOf } from './tiles';
import type { Channel } from './useChannels';

/** Readings that arrive are kept so far; tiles have the earlier ones by then. */
const MOST_TAIL = 20_000;
/** While a gesture lasts, nothing is asked for that will be out of sight in a moment. */
const SETTLE_MS = 50;

interface Wanted {
  operator: string;
  site: string;
  series: readonly string[];
  horizon: Horizon;
  pixels: number;
  channels: ReadonlyMap<string, Channel>;
}

/** Lines for what is in sight, from what is there; what is not is asked for, and they change when it comes. */
export function useLines({ operator, site, series, horizon, pixels, channels }: Wanted) {
  const [turn, setTurn] = useState(0);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const store = useMemo(() => new TileStore(operator, site, (wrong) => { setProblem(wrong); setTurn((count) => count + 1); }), [operator, site]);
  useEffect(() => () => { store.close(); }, [store]);
  const tails = useTails(operator, site, series, horizon.live, setTurn);
  const { range } = horizon;

  const [retry, setRetry] = useState(0);
  useEffect(() => {
    const timer = setTimeout(() => {
      store.want(series, slotsOf(range, levelOf(range, pixels)));
      setTurn((count) => count + 1);
    }, SETTLE_MS);
    return () => { clearTimeout(timer); };
  }, [store, series.join(','), range.fromUs, range.toUs, pixels, retry]);

  const lines = useMemo<PlotLine[]>(() => series.map((name, index) => {
    const channel = channels.get(name);
    const about = store.about.get(name);
    const line = lineOf(range, pixels, (slot) => store.find(name, slot), horizon.live ? tails.get(name) : undefined, {
      maxAgeUs: channel?.max_age_us ?? null, cadenceUs: channel?.cadence_us ?? null,
    });
    const kind = channel?.kind ?? '';
    return { series: name, unit: about?.unit ?? channel?.unit ?? '', token: seriesToken(index), steps: kind === 'state' || kind === 'event', line };
  }), [series.join(','), range.fromUs, range.toUs, pixels, turn, channels]);
  return { lines, busy: store.busy, problem, again: () => { setProblem(null); setRetry((count) => count + 1); } };
}

/** What arrived while it is looked at, for lines that go up to now. */
function useTails(operator: string, site: string, series: readonly string[], live: boolean, changed: (next: (turn: number) => number) => void): ReadonlyMap<string, Tail> {
  const tails = useRef(new Map<string, Tail>());
  const frame = useRef(0);
  useLive(live && series.length > 0 ? { operator, site, topics: ['readings'], series: [...series].sort() } : null, {
    onReadings: (readings) => {
      readings.series.forEach((name, index) => {
        if (!series.includes(name)) return;
        const tail = tails.current.get(name) ?? { us: [], value: [] };
        const us = readings.time_us[index] ?? 0;
        if (us <= (tail.us[tail.us.length - 1] ?? 0)) return;
        tail.us.push(us);
        tail.value.push(readings.value[index] ?? null);
        if (tail.us.length > MOST_TAIL) { tail.us.splice(0, MOST_TAIL / 2); tail.value.splice(0, MOST_TAIL / 2); }
        tails.current.set(name, tail);
      });
      if (frame.current === 0) frame.current = requestAnimationFrame(() => { frame.current = 0; changed((count) => count + 1); });
    },
    onReset: () => { tails.current.clear(); },
  });
  useEffect(() => () => { cancelAnimationFrame(frame.current); }, []);
  return tails.current;
}
