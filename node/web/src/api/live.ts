// Live data: one stream of server-sent events for an operator, shared by all that follow something on the page.
//
// Read by fetch and not by EventSource, which shows no status: a session that ended would look like a broken line.

import { computed, signal } from '@preact/signals';
import { useEffect, useRef } from 'preact/hooks';

import { hear } from '../state/now';
import { BASE } from './client';
import { events } from './sse';

export type Topic = 'readings' | 'events' | 'commands' | 'control' | 'alarms';

/** What arrived together: parallel arrays. */
export interface LiveReadings {
  series: string[];
  time_us: number[];
  value: (number | null)[];
}

export interface Following {
  operator: string;
  topics: readonly Topic[];
  site?: string | undefined;
  /** Patterns in full, such as `home1.*.power`; for the topic `readings`. */
  series?: readonly string[];
}

export interface Listener {
  /** Called for each message of the topics followed - also those that another on the page asked for. */
  onMessage?: (topic: Topic, data: unknown) => void;
  onReadings?: (readings: LiveReadings) => void;
  /** What came in between is gone (first connection, long outage, slow page): ask for what you show anew. */
  onReset?: () => void;
}

type Line = 'off' | 'connecting' | 'live' | 'lost';

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 15_000;
/** The server says something every 5 s; a line that is silent for longer than this is dead. */
const SILENCE_MS = 16_000;

const streams = signal<ReadonlyMap<string, Stream>>(new Map());

/** How live the page is: as the worst of its streams. */
export const line = computed<Line>(() => {
  const states = [...streams.value.values()].map((stream) => stream.state.value);
  return states.includes('lost') ? 'lost' : states.includes('connecting') ? 'connecting' : states.length ? 'live' : 'off';
});

/** When something was last heard, by this machine's clock in milliseconds; null before. */
export const heardAt = signal<number | null>(null);

/** Follows until the function that it returns is called. */
export function follow(following: Following, listener: Listener): () => void {
  let stream = streams.value.get(following.operator);
  if (!stream) {
    stream = new Stream(following.operator);
    streams.value = new Map(streams.value).set(following.operator, stream);
  }
  const one = { following, listener };
  stream.add(one);
  return () => {
    if (stream.remove(one)) return;
    const left = new Map(streams.value);
    left.delete(following.operator);
    streams.value = left;
  };
}

/** The same for a component; it follows anew when what it follows changes. `null` follows nothing. */
export function useLive(following: Following | null, listener: Listener): void {
  const latest = useRef(listener);
  latest.current = listener;
  const key = following && JSON.stringify(following);
  useEffect(() => {
    if (key === null) return undefined;
    return follow(JSON.parse(key) as Following, {
      onMessage: (topic, data) => latest.current.onMessage?.(topic, data),
      onReadings: (readings) => latest.current.onReadings?.(readings),
      onReset: () => latest.current.onReset?.(),
    });
  }, [key]);
}

interface Follower {
  following: Following;
  listener: Listener;
}

class Stream {
  readonly state = signal<Line>('connecting');
  private readonly followers = new Set<Follower>();
  private cursor: string | null = null;
  private asked = '';
  private stop: AbortController | null = null;
  private wait = FIRST_WAIT_MS;
  private timer: ReturnType<typeof setTimeout> | undefined;
  private watchdog: ReturnType<typeof setTimeout> | undefined;
  private readonly retry = () => { if (this.state.value === 'lost' && !document.hidden) this.plan(0); };

  constructor(private readonly operator: string) {
    addEventListener('online', this.retry);
    document.addEventListener('visibilitychange', this.retry);
  }

  add(follower: Follower): void {
    this.followers.add(follower);
    this.changed();
  }

  /** Whether any are left. */
  remove(follower: Follower): boolean {
    this.followers.delete(follower);
    if (this.followers.size > 0) {
      this.changed();
      return true;
    }
    removeEventListener('online', this.retry);
    document.removeEventListener('visibilitychange', this.retry);
    clearTimeout(this.timer);
    clearTimeout(this.watchdog);
    this.stop?.abort();
    return false;
  }

  /** A view that leaves and one that comes change it twice at once: it waits until both are through. */
  private changed(): void {
    if (this.query() !== this.asked) this.plan(30);
  }

  private query(): string {
    const all = [...this.followers].map((follower) => follower.following);
    const topics = new Set(all.flatMap((one) => one.topics));
    const sites = new Set(all.map((one) => one.site));
    const series = new Set(all.flatMap((one) => (one.topics.includes('readings') ? (one.series ?? []) : [])));
    const query = new URLSearchParams({ topics: [...topics].sort().join(',') });
    for (const pattern of [...series].sort()) query.append('series', pattern);
    const [site] = sites;
    if (sites.size === 1 && site !== undefined) query.set('site', site);
    return query.toString();
  }

  private plan(afterMs: number): void {
    clearTimeout(this.timer);
    this.timer = setTimeout(() => { void this.run(); }, afterMs);
  }

  private async run(): Promise<void> {
    this.stop?.abort();
    const stop = new AbortController();
    this.stop = stop;
    const query = this.query();
    // What comes after the cursor of another question is not what is missing here.
    const resumable = this.asked === query;
    this.asked = query;
    const headers: Record<string, string> = { Accept: 'text/event-stream' };
    if (resumable && this.cursor !== null) headers['Last-Event-ID'] = this.cursor;
    try {
      this.watch(stop);
      const url = `${BASE}/api/v1/operators/${encodeURIComponent(this.operator)}/live?${query}`;
      const response = await fetch(url, { headers, signal: stop.signal, credentials: 'same-origin', cache: 'no-store' });
      if (response.status === 401) { unproved(); return; }
      if (!response.ok || !response.body) throw new Error(`live: ${String(response.status)}`);
      for await (const event of events(response.body)) {
        this.watch(stop);
        this.take(event.type, event.id, event.data);
      }
    } catch {
      // Whatever it was: the line is gone and is tried again.
    }
    if (this.stop !== stop || this.followers.size === 0) return;
    this.state.value = 'lost';
    this.plan(this.wait * (0.75 + Math.random() / 2));
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }

  private watch(stop: AbortController): void {
    clearTimeout(this.watchdog);
    this.watchdog = setTimeout(() => { stop.abort(); }, SILENCE_MS);
  }

  private take(type: string, id: string | null, text: string): void {
    heardAt.value = Date.now();
    const data: unknown = JSON.parse(text === '' ? 'null' : text);
    if (id !== null) this.cursor = id;
    switch (type) {
      case 'hello': {
        const hello = data as { now_us: number; cursor?: string | null; resumed: boolean };
        hear(hello.now_us);
        this.cursor ??= hello.cursor ?? null;
        this.state.value = 'live';
        this.wait = FIRST_WAIT_MS;
        if (!hello.resumed) this.reset();
        return;
      }
      case 'beat': hear((data as { now_us: number }).now_us); return;
      case 'reset': case 'lost': this.reset(); return;
      case 'end': return;
      default: this.give(type as Topic, data);
    }
  }

  private give(topic: Topic, data: unknown): void {
    for (const { following, listener } of this.followers) {
      if (!following.topics.includes(topic)) continue;
      if (topic === 'readings') listener.onReadings?.(data as LiveReadings);
      listener.onMessage?.(topic, data);
    }
  }

  private reset(): void {
    for (const { listener } of this.followers) listener.onReset?.();
  }
}

let unproved: () => void = () => undefined;

/** Called when the stream is refused because nobody is signed in. */
export function onLiveUnproved(then: () => void): void {
  unproved = then;
}
