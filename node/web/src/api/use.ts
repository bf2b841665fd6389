// Asking the API from a view.

import { useCallback, useEffect, useRef, useState } from 'preact/hooks';

import { asProblem, isAbort, type ProblemError } from './problem';

export interface Asked<T> {
  /** What was answered last. It stays while it is asked again, and when that fails. */
  data: T | undefined;
  problem: ProblemError | null;
  /** Being asked for the first time, or for something else. */
  loading: boolean;
  /** Asks again at once. */
  again: () => void;
}

/**
 * Asks when it is mounted, when `about` changes (what was answered before is dropped), and every `everyMs` while the
 * page is in sight. An answer that comes too late is not taken.
 *
 *     const devices = useAsked(`${operator}/${site}`, (signal) => ask(api.GET('/api/v1/...', { params, signal })), { everyMs: 10_000 });
 */
export function useAsked<T>(about: string, question: (signal: AbortSignal) => Promise<T>, { everyMs }: { everyMs?: number } = {}): Asked<T> {
  const [state, setState] = useState<{ about: string; data: T | undefined; problem: ProblemError | null }>({ about, data: undefined, problem: null });
  const [turn, setTurn] = useState(0);
  const latest = useRef(question);
  latest.current = question;
  const again = useCallback(() => { setTurn((count) => count + 1); }, []);

  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;
    const run = async () => {
      try {
        const data = await latest.current(stop.signal);
        if (!stop.signal.aborted) setState({ about, data, problem: null });
      } catch (error) {
        if (stop.signal.aborted || isAbort(error)) return;
        setState((was) => ({ about, data: was.about === about ? was.data : undefined, problem: asProblem(error) }));
      }
      if (everyMs !== undefined && !stop.signal.aborted) timer = setTimeout(tick, everyMs);
    };
    const tick = () => {
      if (document.hidden) timer = setTimeout(tick, everyMs);
      else void run();
    };
    void run();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [about, turn, everyMs]);

  const current = state.about === about;
  return { data: current ? state.data : undefined, problem: current ? state.problem : null, loading: !current || (state.data === undefined && state.problem === null), again };
}
