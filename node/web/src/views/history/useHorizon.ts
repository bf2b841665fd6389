import { useCallback, useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { serverNow } from '../../state/now';
import type { Movement } from './gestures';
import { fromQuery, last, moved, panned, zoomed, type Horizon } from './horizon';
import type { Range } from './tiles';

/** So many ways back are kept. */
const MOST_BACK = 50;
/** Movements nearer than this belong to one gesture: back goes to before it. */
const GESTURE_MS = 1_000;

/** What is in sight, changed at most once a frame however many wheel events come. */
export function useHorizon(query: URLSearchParams) {
  const [at, setAt] = useState<Horizon>(() => fromQuery(query, serverNow()));
  const next = useRef(at);
  const frame = useRef(0);
  const before = useRef<Horizon[]>([]);
  const movedAt = useRef(0);

  const show = useCallback((horizon: Horizon) => {
    next.current = horizon;
    if (frame.current === 0) frame.current = requestAnimationFrame(() => { frame.current = 0; setAt(next.current); });
  }, []);
  /** A step of its own, unless it goes on with a gesture. */
  const set = useCallback((horizon: Horizon, gesture = false) => {
    if (!gesture || Date.now() - movedAt.current > GESTURE_MS) before.current = [...before.current, next.current].slice(-MOST_BACK);
    movedAt.current = gesture ? Date.now() : 0;
    show(horizon);
  }, [show]);
  const back = useCallback(() => {
    const to = before.current.pop();
    movedAt.current = 0;
    if (to) show(moved(to, serverNow()));
  }, [show]);

  // The present moves on; on a wide span a second is less than a pixel, so it is looked at less often.
  const length = at.range.toUs - at.range.fromUs;
  const everyMs = Math.max(1_000, Math.min(60_000, length / 2e6));
  useEffect(() => {
    if (!at.live) return undefined;
    const timer = setInterval(() => { if (!document.hidden) show(moved(next.current, serverNow())); }, everyMs);
    return () => { clearInterval(timer); };
  }, [at.live, everyMs, show]);
  useEffect(() => () => { cancelAnimationFrame(frame.current); }, []);

  const movement: Movement = useMemo(() => ({
    zoom: (factor, where) => { set(zoomed(next.current, factor, where, serverNow()), true); },
    pan: (part) => { set(panned(next.current, part, serverNow()), true); },
  }), [set]);
  return {
    at, set, back, movement,
    canGoBack: before.current.length > 0,
    showLast: (us: number) => { set(last(us, serverNow())); },
    select: (range: Range) => { set({ range, live: false }); },
  };
}
