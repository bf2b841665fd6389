/** A site's history: opened, registered, written, queried. */
import native = require("../native.cjs");
import { abortable, settled, sync } from "./call.cjs";
import { InvalidError } from "./errors.cjs";
import { anything, checkNumber, checkOptions, checkText, count, flag, given, oneOf, pair, show, signal, text, words } from "./options.cjs";
import { QueryResult } from "./result.cjs";
import { Reading } from "./reading.cjs";
import { type Duration, type TimeLike, type TimesLike, toDuration, toMicros, toMicrosArray } from "./time.cjs";

/** How a site is opened. */
export interface OpenOptions {
  /** Opens it beside a process that writes to it; `refresh()` shows what was written since. */
  readOnly?: boolean;
}

/** Values of a bucket become one: the numbers' mean, smallest, largest, sum, count, earliest or latest. */
export type Aggregate = "mean" | "min" | "max" | "sum" | "count" | "first" | "last";

/** What the numbers of a series mean. */
export interface ChannelOptions {
  /** The unit in which the source reports, such as `kW`; values are stored in the base unit of its quantity. */
  unit: string;
  /** What is measured, where several quantities share the unit: `state_of_charge` or `ratio` for `%`. */
  quantity?: string;
  /** How values behave over time; a gauge unless said otherwise. */
  kind?: "gauge" | "counter" | "state" | "event";
  /** `generator` where the source counts what it gives as positive; it is stored negated. */
  sign?: "passive" | "generator";
  /** Where in its interval the source labels a value. */
  label?: "start" | "end";
  /** How often a value is expected. */
  cadence?: Duration;
  /** How long a value may stand for the present before it is stale. */
  maxAge?: Duration;
  /** The lowest and the highest value that make sense, in `unit`. */
  range?: readonly [number, number];
  /** Whether it takes commands. */
  writable?: boolean;
}

/** A registered series. Lengths of time are in milliseconds. */
export interface SeriesDescription {
  name: string;
  quantity: string;
  /** The unit in which the source reports. */
  unit: string;
  /** The unit in which values are stored and given back. */
  baseUnit: string;
  kind: "gauge" | "counter" | "state" | "event";
  sign: "passive" | "generator";
  label: "start" | "end";
  cadence?: number;
  maxAge?: number;
  range?: [number, number];
  writable: boolean;
}

/** How values are written. */
export interface WriteOptions {
  /** Converts from this unit; a series that is not registered becomes a gauge in it. */
  unit?: string;
  /** `skip`, the default: NaN is no value and is not written, like `null`. `keep`: it is stored, apart from a gap. */
  nan?: "skip" | "keep";
}

/** What a query asks for. */
export interface QueryOptions {
  /** Only from this instant on. */
  start?: TimeLike;
  /** Only before this instant. */
  end?: TimeLike;
  /** Buckets of this length: `10s`, `15m`, `1h`, `1d`, `1w`, `1mo`, `1y`, or a number of milliseconds. */
  every?: Duration;
  /** What becomes of a bucket; `mean` unless said otherwise. Without `every` the whole range is one bucket. */
  agg?: Aggregate | readonly Aggregate[];
  /** The zone whose clocks and calendar the buckets follow; UTC without it. */
  tz?: string;
  /** At most so many rows of each series, the first ones. */
  limit?: number;
  /** At most so many rows of each series, the last ones. */
  last?: number;
  /** Gives up waiting. */
  signal?: AbortSignal;
}

/** How much is stored. */
export interface Stats {
  devices: number;
  series: number;
  points: number;
  chunks: number;
  chunkBytes: number;
  logBytes: number;
  /** Batches that were not stored because they were there already. */
  repeatedBatches: number;
  /** What was found damaged when the site was opened. */
  damage: string[];
}

const CHANNEL = {
  unit: text,
  quantity: text,
  kind: text,
  sign: text,
  label: text,
  cadence: anything,
  maxAge: anything,
  range: pair,
  writable: flag,
};

const QUERY = { start: anything, end: anything, every: anything, agg: words, tz: text, limit: count, last: count, signal };

/** A site's history. Values are in the base unit of their quantity, and positive where they flow into the device. */
export class Memcore {
  readonly #native: native.NativeHistory;
  readonly #borrowed: boolean;

  /** @internal Made by `open`, `memory` and `Server.mem`. */
  constructor(history: native.NativeHistory, borrowed = false) {
    this.#native = history;
    this.#borrowed = borrowed;
  }

  /** The folder of the site; none for one in memory. */
  get path(): string | undefined {
    return this.#native.path ?? undefined;
  }

  /** Says what the numbers of a series mean. Doing it again is fine unless the meaning differs. */
  register(series: string, options: ChannelOptions): void {
    const call = `register ${show(series)}`;
    checkText("register", "series", series);
    checkOptions(call, options, CHANNEL);
    checkText(call, "unit", options.unit);
    const { unit, quantity, kind, sign, label, range, writable } = options;
    const cadence = toDuration(`${call}: cadence`, options.cadence);
    const maxAge = toDuration(`${call}: maxAge`, options.maxAge);
    const rest = given({ quantity, kind, sign, label, cadence, maxAge, writable, range: range && [...range] });
    sync(() => {
      this.#native.register(series, { unit, ...rest });
    });
  }

  /**
   * Writes one reading, or a column of them, and returns how many values were written; they are durable then.
   *
   * `null` is a gap and writes nothing, and so does NaN unless it is kept. Writing a time again replaces its value.
   */
  write(series: string, time: TimeLike, value: number | null, options?: WriteOptions): Promise<number>;
  write(series: string, times: TimesLike, values: Float64Array | readonly (number | null)[], options?: WriteOptions): Promise<number>;
  async write(
    series: string,
    times: TimeLike | TimesLike,
    values: number | null | Float64Array | readonly (number | null)[],
    options: WriteOptions = {},
  ): Promise<number> {
    const call = `write ${show(series)}`;
    checkText("write", "series", series);
    checkOptions(call, options, { unit: text, nan: oneOf("skip", "keep") });
    const single = typeof values === "number" || values === null;
    const micros = single
      ? BigInt64Array.of(toMicros(`${call}: time`, times as TimeLike))
      : toMicrosArray(`${call}: times`, times as TimesLike);
    const { numbers, absent } = toColumn(call, single ? [values] : values);
    const how = { keepNan: options.nan === "keep", ...given({ unit: options.unit }) };
    return settled(sync(() => this.#native.write(series, micros, numbers, absent, how)));
  }

  /** Asks for the series that match, such as `home1.*.power` or `home1.>`. */
  query<const A extends Aggregate>(pattern: string, options: QueryOptions & { agg: A | readonly A[] }): Promise<QueryResult<A>>;
  query(pattern: string, options: QueryOptions & { every: Duration; agg?: never }): Promise<QueryResult<"mean">>;
  query(pattern: string, options?: QueryOptions & { every?: never; agg?: never }): Promise<QueryResult<"value">>;
  query(pattern: string, options?: QueryOptions): Promise<QueryResult>;
  async query(pattern: string, options: QueryOptions = {}): Promise<unknown> {
    checkText("query", "pattern", pattern);
    const call = `query ${show(pattern)}`;
    checkOptions(call, options, QUERY);
    options.signal?.throwIfAborted();
    const { tz, limit, last } = options;
    const start = options.start === undefined ? undefined : toMicros(`${call}: start`, options.start);
    const end = options.end === undefined ? undefined : toMicros(`${call}: end`, options.end);
    const every = toDuration(`${call}: every`, options.every);
    const agg = typeof options.agg === "string" ? [options.agg] : options.agg && [...options.agg];
    const answer = this.#native.query(pattern, given({ start, end, every, agg, tz, limit, last }));
    return new QueryResult(await abortable(settled(answer), options.signal));
  }

  /** The latest reading of each series that matches. */
  async latest(pattern = ">"): Promise<Reading[]> {
    checkText("latest", "pattern", pattern);
    const latest = await settled(this.#native.latest(pattern));
    return latest.map(({ series, time, value }) => new Reading(series, time, value));
  }

  /** The series that match, with what their numbers mean. */
  series(pattern = ">"): SeriesDescription[] {
    checkText("series", "pattern", pattern);
    return sync(() => this.#native.series(pattern)) as SeriesDescription[];
  }

  /** How much is stored. */
  stats(): Stats {
    return sync(() => this.#native.stats());
  }

  /** On a read-only site: shows what was written since. */
  async refresh(): Promise<void> {
    await settled(this.#native.refresh());
  }

  /** Writes everything out and lets the folder go. Doing it again does nothing, and a server's history ends with its server. */
  close(): void {
    if (this.#borrowed) return;
    sync(() => {
      this.#native.close();
    });
  }

  [Symbol.dispose](): void {
    this.close();
  }
}

/** Numbers, and which of them are none. */
function toColumn(call: string, values: Float64Array | readonly (number | null)[]): { numbers: Float64Array; absent?: Uint8Array } {
  if (values instanceof Float64Array) return { numbers: values };
  if (!Array.isArray(values)) {
    throw new InvalidError(`${call}: values are ${show(values)}, expected a Float64Array or an array of numbers and nulls`);
  }
  const numbers = new Float64Array(values.length);
  const absent = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value: unknown = values[at];
    if (value === null || value === undefined) absent[at] = 1;
    else numbers[at] = checkNumber(call, `values[${String(at)}]`, value);
  }
  return { numbers, absent };
}

/** Opens the site in that folder, making it if it does not exist. */
export function open(path: string, options: OpenOptions = {}): Memcore {
  checkText("open", "path", path);
  checkOptions("open", options, { readOnly: flag });
  return new Memcore(sync(() => native.open(path, options.readOnly ?? false)));
}

/** A site in memory, gone when it is closed or forgotten. */
export function memory(): Memcore {
  return new Memcore(sync(() => native.memory()));
}
