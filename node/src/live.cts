/** Live views: readings and events as they arrive. */
import type native = require("../native.cjs");
import { settled } from "./call.cjs";
import { checkOptions, signal } from "./options.cjs";
import { Reading } from "./reading.cjs";
import { toDate } from "./time.cjs";

/** Waits for the next one. */
interface Waiter<T> {
  resolve: (result: IteratorResult<T, undefined>) => void;
  reject: (reason: unknown) => void;
}

/**
 * What arrives, one by one: `for await`, `next()`, or a Web `ReadableStream`.
 *
 * It never slows devices down: what is not taken in time is dropped, oldest first, and counted in `lost`. Closing it, or
 * its server, settles a `next()` that waits. Give up waiting with `next({ signal })`, which takes nothing; a `next()` that
 * merely lost a `Promise.race` still takes the reading that comes, so keep its promise and race it again.
 */
export abstract class LiveStream<T> implements AsyncIterableIterator<T, undefined> {
  readonly #take: () => Promise<T[]>;
  readonly #source: { close(): void; readonly lost: number };
  #here: T[] = [];
  #waiting: Waiter<T>[] = [];
  #taking = false;
  #ended = false;

  /** @internal */
  constructor(source: { close(): void; readonly lost: number }, take: () => Promise<T[]>) {
    this.#source = source;
    this.#take = take;
  }

  /** How many batches (of events: how many) were dropped because they were not taken in time. */
  get lost(): number {
    return this.#source.lost;
  }

  /** The next one; `done` once this was closed or the server has shut down. */
  async next(options: { signal?: AbortSignal } = {}): Promise<IteratorResult<T, undefined>> {
    checkOptions("next", options, { signal });
    options.signal?.throwIfAborted();
    const here = this.#here.shift();
    if (here !== undefined) return { done: false, value: here };
    if (this.#ended) return { done: true, value: undefined };
    return this.#wait(options.signal);
  }

  /** Ends it. Doing it again does nothing. */
  close(): void {
    this.#source.close();
    this.#here = [];
    this.#end();
  }

  return(): Promise<IteratorResult<T, undefined>> {
    this.close();
    return Promise.resolve({ done: true, value: undefined });
  }

  [Symbol.asyncIterator](): this {
    return this;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.return();
  }

  /** As a Web stream, which takes one when it is asked for one; cancelling it closes this. */
  toReadableStream(): ReadableStream<T> {
    return new ReadableStream<T>(
      {
        pull: async (controller) => {
          const next = await this.next();
          if (next.done === true) controller.close();
          else controller.enqueue(next.value);
        },
        cancel: () => {
          this.close();
        },
      },
      { highWaterMark: 0 },
    );
  }

  #wait(signal: AbortSignal | undefined): Promise<IteratorResult<T, undefined>> {
    const waited = new Promise<IteratorResult<T, undefined>>((resolve, reject) => {
      const waiter: Waiter<T> = { resolve, reject };
      this.#waiting.push(waiter);
      if (signal === undefined) return;
      const abort = (): void => {
        this.#waiting = this.#waiting.filter((other) => other !== waiter);
        reject(signal.reason as Error);
      };
      signal.addEventListener("abort", abort, { once: true });
      waiter.resolve = (result) => {
        signal.removeEventListener("abort", abort);
        resolve(result);
      };
    });
    if (!this.#taking) void this.#fetch();
    return waited;
  }

  /** Takes while somebody waits, and never twice at a time: order is kept. */
  async #fetch(): Promise<void> {
    this.#taking = true;
    try {
      while (this.#waiting.length > 0 && this.#isOpen()) {
        const taken = await this.#take();
        if (taken.length === 0) this.#end();
        else if (this.#isOpen()) this.#serve(taken);
      }
    } catch (error) {
      this.#ended = true;
      for (const waiter of this.#waiting.splice(0)) waiter.reject(error);
    } finally {
      this.#taking = false;
    }
  }

  #serve(taken: T[]): void {
    for (const value of taken.splice(0, this.#waiting.length)) this.#waiting.shift()?.resolve({ done: false, value });
    this.#here = taken;
  }

  #isOpen(): boolean {
    return !this.#ended;
  }

  #end(): void {
    this.#ended = true;
    for (const waiter of this.#waiting.splice(0)) waiter.resolve({ done: true, value: undefined });
  }
}

/** Readings as they arrive, before they are durable. */
export class Subscription extends LiveStream<Reading> {
  /** @internal */
  constructor(source: native.NativeReadings) {
    super(source, async () => unpack(await settled(source.take())));
  }
}

function unpack({ names, which, times, values }: native.ReadingBatch): Reading[] {
  const of = <E,>(column: ArrayLike<E>, at: number): E => column[at] as E;
  return Array.from(which, (place, at) => new Reading(of(names, place), of(times, at), of(values, at)));
}

interface Happened {
  /** When, by the server's clock. */
  readonly time: Date;
}

/** How a command ended. The last two need care: after `expired` it had no effect, after `unknown` it may have had one. */
export type CommandState = "queued" | "sent" | "accepted" | "done" | "refused" | "expired" | "unknown";

/** Something that happened, apart from readings. Codes are those of `docs/protocol.md`. */
export type Event =
  | (Happened & { readonly event: "connected"; readonly device: string; readonly epoch: number })
  | (Happened & { readonly event: "disconnected"; readonly device: string; readonly epoch: number; readonly code: string })
  | (Happened & { readonly event: "rejected" | "reported"; readonly device: string; readonly code: string; readonly detail: string })
  | (Happened & {
      readonly event: "command";
      readonly id: string;
      readonly device: string;
      readonly channel: string;
      readonly state: CommandState;
      readonly readBack?: number | null;
      readonly code?: string;
      readonly reason?: string;
    })
  | (Happened & { readonly event: "quota"; readonly device: string; readonly pointsPerS: number; readonly burst: number })
  | (Happened & { readonly event: "certificate_reloaded"; readonly ends: Date | null })
  | (Happened & { readonly event: "certificate_refused"; readonly reason: string })
  | (Happened & {
      /** A value was sent again under an id of its own, before the device forgets it. */
      readonly event: "refreshed";
      readonly id: string;
      /** The command that it repeats. */
      readonly of: string;
      readonly device: string;
      readonly channel: string;
    })
  | (Happened & { readonly event: "read_only"; readonly reason: string });

/** Events of all devices as they happen. */
export class Events extends LiveStream<Event> {
  /** @internal */
  constructor(source: native.NativeEvents) {
    super(source, async () => (await settled(source.take())).map(toEvent));
  }
}

/** JSON has times in microseconds and snake case. */
function toEvent(json: string): Event {
  const { time, ends, read_back: readBack, per_second: pointsPerS, ...rest } = JSON.parse(json) as JsonEvent;
  const event = {
    ...rest,
    time: toDate(BigInt(time)),
    ...(readBack === undefined ? {} : { readBack }),
    ...(pointsPerS === undefined ? {} : { pointsPerS }),
    ...(ends === undefined ? {} : { ends: ends === null ? null : toDate(BigInt(ends)) }),
  };
  return event as unknown as Event;
}

interface JsonEvent {
  time: number;
  read_back?: number | null;
  per_second?: number;
  ends?: number | null;
}
