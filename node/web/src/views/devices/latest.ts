//! What a device's channels read, as it arrives.

import { useEffect, useRef, useState } from 'preact/hooks';

import { useLive } from '../../api/live';
import type { Place } from '../place';
import type { Reading } from './merge';

/** Values are drawn so often, however often they arrive. */
const DRAW_MS = 250;

/** The latest readings of a device, by series, as they arrive. */
export function useLatest(place: Place, device: string): ReadonlyMap<string, Reading> {
  const arrived = useRef(new Map<string, Reading>());
  const timer = useRef<ReturnType<typeof setTimeout> | null>(null);
  const [drawn, setDrawn] = useState<ReadonlyMap<string, Reading>>(new Map());
  useEffect(() => () => { if (timer.current !== null) clearTimeout(timer.current); }, []);
  useLive({ operator: place.operator, site: place.site, topics: ['readings'], series: [`${place.site}.${device}.>`] }, {
    onReadings: ({ series, time_us, value }) => {
      series.forEach((name, at) => {
        const [time, read] = [time_us[at], value[at]];
        if (time !== undefined && read !== null && read !== undefined) arrived.current.set(name, { time_us: time, value: read });
      });
      timer.current ??= setTimeout(() => {
        timer.current = null;
        setDrawn(new Map(arrived.current));
      }, DRAW_MS);
    },
  });
  return drawn;
}
