/** A site's history: opened, registered, written, queried. */
import native = require("../native.cjs");
import { abortable, settled, sync } from "./call.cjs";
import { type BalanceOptions, type BalanceSelections, SiteBalance, balanceSettings } from "./balance.cjs";
import { Bulk, type BulkOptions, type Progress } from "./bulk.cjs";
import { type Values, type WriteOptions, columnsOf } from "./columns.cjs";
import { type Explanation, why } from "./control.cjs";
import { anything, bytes, callable, checkNumber, checkOptions, checkText, count, flag, given, number, numbers, oneOf, pair, record, show, signal, text, words } from "./options.cjs";
import { type ExamineOptions, type Report, examine } from "./doctor.cjs";
import { QueryResult } from "./result.cjs";
import { Reading } from "./reading.cjs";
import { type Duration, type TimeLike, type TimesLike, toDuration, toMicros } from "./time.cjs";

/** How a site is opened. */
export interface OpenOptions {
  /** Opens it beside a process that writes to it; `refresh()` shows what was written since. */
  readOnly?: boolean;
  /** How long data are kept; for good without it. */
  keep?: Duration;
  /** How long those of devices are kept, by a pattern such as `home1.pv` or `home1.*`; the first that matches holds. */
  retention?: Readonly<Record<string, Duration>>;
  /** Beyond so many bytes the oldest data go. */
  maxBytes?: number;
  /** Writes are held back where the disk has less than so many bytes left. */
  reserveBytes?: number;
  /** Queries leave out what fails its checksum instead of failing. */
  skipDamaged?: boolean;
}

/** What becomes of the values of a bucket. Percentiles are `p5`, `p99.9`. */
export type Aggregate =
  | "mean"
  | "time_weighted_mean"
  | "min"
  | "max"
  | "sum"
  | "count"
  | "first"
  | "last"
  | "integral"
  | "increase"
  | "coverage"
  | "held"
  | "measured"
  | "estimated"
  | "substituted"
  | "invalid"
  | "quality"
  | "median"
  | `p${number}`;

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
  /** Numbers that mean that nothing was measured, such as 65535, in `unit`: they become gaps. */
  invalid?: readonly number[];
  /**
   * The Modbus or SunSpec type of the register that is passed on as it is, such as `uint16` or `acc32`: its number for "not
   * implemented" is invalid then, and a counter rolls over at its width.
   */
  register?: string;
  /** How many a counter counts until it begins again at zero, in `unit`. */
  rollover?: number;
  /** Whether it takes commands. */
  writable?: boolean;
  /** What commands must heed, such as `{ fallback: 0, hold: "20m", minOn: "5m" }`; it takes commands then. */
  rules?: ChannelRules;
  /** What else it is known by, such as `{ phase: "L1" }`, to select it: `home1.>{phase=L1}`. */
  labels?: Readonly<Record<string, string>>;
}

/**
 * What commands to a channel must heed, in the channel's own unit; what is left out does not hold.
 *
 * The device keeps them itself, by a clock that does not jump, whether or not it is connected. The end of a lease and a command
 * for safety are never held back.
 */
export interface ChannelRules {
  /** What is safe: taken when the device starts, and where a lease names no fallback of its own. */
  fallback?: number;
  /** How long what it drives remembers a value by itself: it is set again before that. */
  hold?: Duration;
  /** How long it stays on (anything but 0) once it was switched on. */
  minOn?: Duration;
  /** How long it stays off once it was switched off. */
  minOff?: Duration;
  /** How fast its value may change, in `unit` a second. */
  rampPerSecond?: number;
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
  invalid: number[];
  register?: string;
  rollover?: number;
  writable: boolean;
  rules?: { fallback?: number; hold?: number; minOn?: number; minOff?: number; rampPerSecond?: number };
  labels: Record<string, string>;
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
  /** What becomes of buckets without a number; `absent` unless said otherwise. NaN stands where there is none. */
  gaps?: "absent" | "null" | "previous" | "linear";
  /** The longest silence over which a value holds, for what counts time, and for filling. */
  maxGap?: Duration;
  /** How a value goes over into the next, for what counts time. */
  rule?: "step" | "trapezoid";
  /** Only what was known at this instant. */
  asOf?: TimeLike;
  /** As few raw readings as a chart of so many pixels needs. */
  chart?: number | { width: number; method?: "minmax" | "minmaxlttb" };
  /** At most so many rows of each series, the first ones. */
  limit?: number;
  /** At most so many rows of each series, the last ones. */
  last?: number;
  /** Raw readings have a column `quality` beside `value`: the place of each in `QUALITIES`. */
  quality?: boolean;
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

/** Who hears of a long work, and who ends it. */
export interface WorkOptions {
  /** Called as the work goes on. */
  onProgress?: (progress: Progress) => void;
  /** Ends the work. */
  signal?: AbortSignal;
}

/** What a file is written of. */
export interface ExportOptions extends WorkOptions, Pick<QueryOptions, "start" | "end" | "every" | "agg" | "tz" | "asOf"> {
  /** Which series; all without it. */
  selection?: string;
  /** What the file is written as; what its name ends in without it. */
  format?: "csv" | "parquet" | "arrow";
  /** One row a time and one column a series, instead of one row a value. */
  wide?: boolean;
}

/** What an export wrote. */
export interface ExportReport {
  series: number;
  rows: number;
  points: number;
}

/** How a file is read. */
export interface ImportOptions extends WorkOptions {
  /** Whose channels the columns of a wide file are. */
  device?: string;
  /** The name of the column of times; `time` without it. */
  time?: string;
  /** The unit of all values that say none, or of each column. */
  units?: string | Readonly<Record<string, string>>;
  /** The zone of times in CSV without one; UTC without it. */
  tz?: string;
  /** What stands between two cells; told by the content without it. */
  delimiter?: string;
  /** What stands before the fraction of a number; told by the content without it. */
  decimal?: "." | ",";
  /** What else is known of the file: the path of a mapping's file, or its fields. */
  mapping?: string | Readonly<Record<string, unknown>>;
  /** Reads and checks everything, and writes nothing. */
  dryRun?: boolean;
  /** Ends at the first row that cannot be read, instead of leaving it out. */
  strict?: boolean;
  /** Where rows that could not be read go, with reasons; `FILE.refused.csv` without it, nowhere if `false`. */
  refused?: string | false;
}

/** A row of a file that could not be read. */
export interface RefusedRow {
  /** Its number; the first row of data is 0. */
  row: number;
  line?: number;
  reason: string;
  text: string;
}

/** How a file was read. */
export interface Understood {
  format: string;
  text?: { delimiter: string; decimal: string; skip: number; header: boolean };
  time?: { columns: string[]; form: string; zone?: string };
  /** What each column is; `skipped` says why it is passed over. */
  columns: { column: string; series?: string; unit?: string; channel?: Record<string, unknown>; skipped?: string }[];
  /** What a person should know or may have to declare. */
  notes: string[];
  /** The first rows as they were read, in the units of the file. */
  first: { row: number; time: Date; values: [series: string, value: number | null][] }[];
}

/** What an import did, or would do. */
export interface ImportReport {
  rows: number;
  points: number;
  /** Values that were there already. */
  repeated: number;
  /** Of these values, those that another of their series and time follows, which holds. */
  replaced: number;
  /** Empty cells. */
  gaps: number;
  /** Values that say "not measured". */
  invalid: number;
  first?: Date;
  last?: Date;
  series: { series: string; unit: string; new: boolean; points: number }[];
  /** Rows that could not be read: how many, in whole (these are none of `rows`) or in some cells, the first hundred, and the file that has all. */
  refused: { count: number; whole: number; cells: number; first: RefusedRow[]; file?: string };
  understood: Understood;
}

/** What is merged. */
export interface CompactOptions extends WorkOptions {
  /** Values that others had replaced before this instant are forgotten: `asOf` then lacks them. */
  forgetBefore?: TimeLike;
}

/** What a compaction did. */
export interface CompactReport {
  chunksBefore: number;
  chunksAfter: number;
  bytesBefore: number;
  bytesAfter: number;
  /** Deleted values that are gone for good. */
  erased: number;
  /** Damaged chunks that were left as they are. */
  skipped: string[];
}

/** What a backup holds. */
export interface BackupReport {
  points: number;
  bytes: number;
  /** Bytes that had to be copied. */
  copiedBytes: number;
  /** What is damaged in the store. */
  damage: string[];
}

/** What a check of everything found. */
export interface VerifyReport {
  sound: boolean;
  bytes: number;
  chunks: number;
  damage: string[];
}

/** How much is stored of a series; times in microseconds. */
export interface SeriesStats {
  series: string;
  points: number;
  bytes: number;
  first?: bigint;
  last?: bigint;
}

/** @internal The description of a channel as the addon takes it. */
export function described(call: string, options: ChannelOptions): native.ChannelOptions {
  checkText(call, "unit", options.unit);
  const { unit, quantity, kind, sign, label, range, invalid, register, rollover, writable, labels } = options;
  const cadence = toDuration(`${call}: cadence`, options.cadence);
  const maxAge = toDuration(`${call}: maxAge`, options.maxAge);
  const rules = options.rules && rulesOf(`${call}: rules`, options.rules);
  const lists = { range: range && [...range], invalid: invalid && [...invalid], labels: labels && { ...labels } };
  return { unit, ...given({ quantity, kind, sign, label, cadence, maxAge, register, rollover, writable, rules, ...lists }) };
}

const RULES = { fallback: number, hold: anything, minOn: anything, minOff: anything, rampPerSecond: number };

function rulesOf(call: string, options: ChannelRules): native.ChannelRules {
  checkOptions(call, options, RULES);
  const { fallback, rampPerSecond } = options;
  const hold = toDuration(`${call}: hold`, options.hold);
  const minOn = toDuration(`${call}: minOn`, options.minOn);
  const minOff = toDuration(`${call}: minOff`, options.minOff);
  return given({ fallback, hold, minOn, minOff, rampPerSecond });
}

/** @internal */
export const CHANNEL = {
  unit: text,
  quantity: text,
  kind: text,
  sign: text,
  label: text,
  cadence: anything,
  maxAge: anything,
  range: pair,
  invalid: numbers,
  register: text,
  rollover: number,
  writable: flag,
  rules: record,
  labels: record,
};

const QUESTION = { start: anything, end: anything, every: anything, agg: words, tz: text, asOf: anything };
const QUERY = { ...QUESTION, quality: flag, gaps: text, maxGap: anything, rule: text, chart: anything, limit: count, last: count, signal };
/** @internal */
export const READING = {
  device: text,
  time: text,
  units: anything,
  tz: text,
  delimiter: text,
  decimal: oneOf(".", ","),
  mapping: anything,
  strict: flag,
  refused: anything,
};
/** @internal */
export const WORK = { onProgress: callable, signal };

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
    const channel = described(call, options);
    sync(() => {
      this.#native.register(series, channel);
    });
  }

  /**
   * Writes one reading, or a column of them, and returns how many values were written; they are durable then.
   *
   * `null` is a gap and writes nothing, and so does NaN unless it is kept. Writing a time again replaces its value.
   */
  write(series: string, time: TimeLike, value: number | null, options?: WriteOptions): Promise<number>;
  write(series: string, times: TimesLike, values: Values, options?: WriteOptions): Promise<number>;
  async write(series: string, times: TimeLike | TimesLike, values: number | null | Values, options: WriteOptions = {}): Promise<number> {
    const { micros, numbers, absent, how } = columnsOf(series, times, values, options);
    return settled(sync(() => this.#native.write(series, micros, numbers, absent, how)));
  }

  /** Writes what several registered channels of a device measured at one instant, as one row; it is durable then. */
  async writeReading(device: string, time: TimeLike, values: Readonly<Record<string, number>>): Promise<void> {
    checkText("writeReading", "device", device);
    const call = `writeReading ${show(device)}`;
    const numbers = Object.entries(values).map(([channel, value]) => checkNumber(call, channel, value));
    await settled(this.#native.writeReading(device, toMicros(`${call}: time`, time), Object.keys(values), numbers));
  }

  /** Begins a load of many writes: `await using bulk = mem.bulk()`. */
  bulk(options: BulkOptions = {}): Bulk {
    checkOptions("bulk", options, WORK);
    return new Bulk(
      sync(() => this.#native.bulk()),
      options,
    );
  }

  /** Asks for the selected series, such as `home1.*.power`, `home1.>` or `home1.>{phase=L1}`. */
  query<const A extends Aggregate>(selection: string, options: QueryOptions & { agg: A | readonly A[] }): Promise<QueryResult<A>>;
  query(selection: string, options: QueryOptions & { every: Duration; agg?: never }): Promise<QueryResult<"mean">>;
  query(selection: string, options: QueryOptions & { quality: true }): Promise<QueryResult<"value" | "quality">>;
  query(selection: string, options?: QueryOptions & { every?: never; agg?: never }): Promise<QueryResult<"value">>;
  query(selection: string, options?: QueryOptions): Promise<QueryResult>;
  async query(selection: string, options: QueryOptions = {}): Promise<unknown> {
    checkText("query", "selection", selection);
    const call = `query ${show(selection)}`;
    checkOptions(call, options, QUERY);
    options.signal?.throwIfAborted();
    const answer = this.#native.query(selection, question(call, options));
    return new QueryResult(await abortable(settled(answer), options.signal));
  }

  /** The reading that held at an instant, the latest at or before it however old, of each selected series. */
  async at(time: TimeLike, selection = ">"): Promise<Reading[]> {
    checkText("at", "selection", selection);
    const held = await settled(this.#native.at(selection, toMicros("at: time", time)));
    return held.map(({ series, time, value }) => new Reading(series, time, value));
  }

  /**
   * What control decided of an asset at a time, and why: `battery`, or a series of it such as `home1.battery.power`; of a stopped site
   * too. `at` is an instant, or text by the clock of the site: `14:05` (the last one), `2026-06-21 14:05`, or so long ago, `10m`.
   */
  async why(asked: string, options: { at?: TimeLike } = {}): Promise<Explanation> {
    return why(this.#native, asked, options);
  }

  /**
   * Writes series to a file of CSV, Parquet or Arrow, as the ending of its name says, however long they are. What is exported
   * raw can be imported again and is the same, bit for bit; of a NaN, CSV only keeps that it is one.
   */
  async export(path: string, options: ExportOptions = {}): Promise<ExportReport> {
    checkText("export", "path", path);
    const call = `export ${show(path)}`;
    checkOptions(call, options, { ...QUESTION, ...WORK, selection: text, format: oneOf("csv", "parquet", "arrow"), wide: flag });
    const { selection = "*/>", format, wide = false } = options;
    return work(options, async (stop, told) => {
      const asked = question(call, options);
      return JSON.parse(await settled(sync(() => this.#native.export(path, selection, asked, format, wide, stop, told)))) as ExportReport;
    });
  }

  /**
   * Takes history in from a file, whose format and meaning are told by its content: CSV and its like, Parquet, Arrow, JSON lines,
   * MongoDB dumps, Home Assistant, Green Button. Doing it again adds nothing twice. What the content leaves open is said by the
   * options, or by a mapping: `{ columns: { p_kw: { series: "home1.pv.power", unit: "kW" } } }`. With `dryRun` the report says what
   * was understood.
   */
  async importFile(path: string, options: ImportOptions = {}): Promise<ImportReport> {
    checkText("importFile", "path", path);
    const call = `importFile ${show(path)}`;
    checkOptions(call, options, { ...WORK, ...READING, dryRun: flag });
    const settings = { dryRun: options.dryRun ?? false, ...fileSettings(options) };
    return work(options, async (stop, told) => {
      return dated(await settled(sync(() => this.#native.importFile(path, settings, stop, told)))) as ImportReport;
    });
  }

  /**
   * Deletes readings from `start` on and before `end`, for good, and says of how many series; an end that is left out is open.
   * What arrives for the range afterwards is kept.
   */
  async delete(selection: string, range: { start?: TimeLike; end?: TimeLike }): Promise<number> {
    checkText("delete", "selection", selection);
    checkOptions("delete", range, { start: anything, end: anything });
    const { start, end } = range;
    const from = start === undefined ? undefined : toMicros("delete: start", start);
    return settled(this.#native.delete(selection, from, end === undefined ? undefined : toMicros("delete: end", end)));
  }

  /** Merges what is stored of the selected devices, and carries out what was deleted there. What is merged stays so if it ends early. */
  async compact(selection = "*/>", options: CompactOptions = {}): Promise<CompactReport> {
    checkText("compact", "selection", selection);
    checkOptions("compact", options, { ...WORK, forgetBefore: anything });
    const { forgetBefore } = options;
    const before = forgetBefore === undefined ? undefined : toMicros("compact: forgetBefore", forgetBefore);
    return work(options, (stop, told) => settled(sync(() => this.#native.compact(selection, before, stop, told))));
  }

  /**
   * Copies the history into a folder while it is open and written; a later backup into it copies what is new. The folder is a
   * site then, to be opened with `readOnly` or restored with `restore`. Keys and enrolled devices are no part of it. One that
   * ends early leaves the former backup as it was.
   */
  async backup(to: string, options: WorkOptions = {}): Promise<BackupReport> {
    checkText("backup", "to", to);
    checkOptions("backup", options, WORK);
    return work(options, (stop, told) => settled(sync(() => this.#native.backup(to, stop, told))));
  }

  /**
   * As `query`, read piece by piece as it is asked for: memory stays flat, however long the range is. Each piece is an Arrow
   * IPC stream in the long layout, for `tableFromIPC` of apache-arrow.
   */
  async *stream(selection: string, options: Omit<QueryOptions, "chart" | "limit" | "last"> = {}): AsyncGenerator<Uint8Array, void, void> {
    checkText("stream", "selection", selection);
    const call = `stream ${show(selection)}`;
    checkOptions(call, options, { ...QUESTION, gaps: text, maxGap: anything, rule: text, signal });
    const stream = await settled(this.#native.stream(selection, question(call, options)));
    for (;;) {
      options.signal?.throwIfAborted();
      const batch = await abortable(settled(stream.next()), options.signal);
      if (batch === null) return;
      yield batch;
    }
  }

  /**
   * Examines the selected series and says what is wrong with them, before anyone calculates with it. They are held against each
   * other, so a site is best examined as a whole: `home1.>`.
   */
  async doctor(selection: string, options: ExamineOptions = {}): Promise<Report> {
    checkText("doctor", "selection", selection);
    return examine(this.#native, selection, options);
  }

  /**
   * The energy balance of a site, or of the series of power that are named: what it imported, exported, made, kept and used, and
   * what no device explains, in Wh. A site's devices are told by their names: `grid`, `pv`, `battery`.
   */
  async balance(site: string | BalanceSelections, options: BalanceOptions = {}): Promise<SiteBalance> {
    const asked = balanceSettings(site, options);
    options.signal?.throwIfAborted();
    return new SiteBalance(await abortable(settled(sync(() => this.#native.balance(...asked))), options.signal));
  }

  /** Reads everything that is stored and checks it. */
  async verify(): Promise<VerifyReport> {
    const report = await settled(this.#native.verify());
    return { sound: report.damage.length === 0, ...report };
  }

  /** Points, bytes and span of each selected series. */
  async seriesStats(selection = "*/>"): Promise<SeriesStats[]> {
    checkText("seriesStats", "selection", selection);
    return settled(this.#native.seriesStats(selection));
  }

  /** The latest reading of each selected series. */
  async latest(selection = ">"): Promise<Reading[]> {
    checkText("latest", "selection", selection);
    const latest = await settled(this.#native.latest(selection));
    return latest.map(({ series, time, value }) => new Reading(series, time, value));
  }

  /** The selected series, with what their numbers mean. */
  series(selection = ">"): SeriesDescription[] {
    checkText("series", "selection", selection);
    return sync(() => this.#native.series(selection)) as SeriesDescription[];
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

/** What is asked for, as the native addon takes it. */
function question(call: string, options: QueryOptions): native.QueryOptions {
  const { tz, limit, last, gaps, rule, chart, quality } = options;
  const instant = (name: string, time: TimeLike | undefined) => (time === undefined ? undefined : toMicros(`${call}: ${name}`, time));
  const every = toDuration(`${call}: every`, options.every);
  const maxGap = toDuration(`${call}: maxGap`, options.maxGap);
  const agg = typeof options.agg === "string" ? [options.agg] : options.agg && [...options.agg];
  const { width: chartWidth, method: chartMethod } = typeof chart === "object" ? chart : { width: chart, method: undefined };
  const [start, end, asOf] = [instant("start", options.start), instant("end", options.end), instant("asOf", options.asOf)];
  return given({ start, end, every, agg, tz, gaps, maxGap, rule, asOf, chartWidth, chartMethod, limit, last, quality });
}

/** @internal Does long work that tells how far it is, until the signal ends it. */
export async function work<T>(
  { onProgress, signal }: WorkOptions,
  start: (stop: native.NativeStop, told: ((progress: Progress) => void) | undefined) => Promise<T>,
): Promise<T> {
  signal?.throwIfAborted();
  const stop = new native.NativeStop();
  return abortable(start(stop, onProgress), signal, () => {
    stop.stop();
  });
}

/** @internal How the native addon is to read a file. */
export function fileSettings(options: ImportOptions) {
  const { device, time, units, tz, delimiter, decimal, mapping, strict = false, refused } = options;
  const one = typeof units === "string" ? units : undefined;
  const each = typeof units === "object" ? { ...units } : undefined;
  const described = typeof mapping === "string" ? { mappingFile: mapping } : { mapping: mapping && JSON.stringify(mapping) };
  const place = { refused: refused === false ? undefined : refused };
  return { strict, sideFile: refused !== false, ...given({ device, time, unit: one, units: each, tz, delimiter, decimal, ...described, ...place }) };
}

/**
 * @internal JSON of the core: instants are microseconds in it, `first_us`, and become `Date`s, `first`. Those of pictures become
 * milliseconds, which charts take.
 */
export function dated(json: string): object {
  const named: Record<string, string> = { first_us: "first", last_us: "last", time_us: "time", from_us: "start", to_us: "end" };
  return JSON.parse(json, function (this: Record<string, unknown>, key, value: unknown) {
    if (key === "times_us") this["times"] = (value as number[]).map((micros) => micros / 1000);
    else if (key === "cadence_us") this["cadence"] = (value as number) / 1000;
    else if (named[key] !== undefined) this[named[key]] = "text" in this ? (value as number) / 1000 : new Date(Math.floor((value as number) / 1000));
    else if (key === "plot") this["picture"] = value;
    else return value;
    return undefined;
  }) as object;
}

/** Opens the site in that folder, making it if it does not exist. */
export function open(path: string, options: OpenOptions = {}): Memcore {
  checkText("open", "path", path);
  const known = { readOnly: flag, keep: anything, retention: record, maxBytes: bytes, reserveBytes: bytes, skipDamaged: flag };
  checkOptions("open", options, known);
  const { readOnly = false, skipDamaged = false, maxBytes, reserveBytes } = options;
  const keep = toDuration("open: keep", options.keep);
  const rules = Object.entries(options.retention ?? {});
  const retention = rules.map(([devices, length]) => [devices, toDuration(`open: retention of ${devices}`, length) ?? ""]);
  return new Memcore(sync(() => native.open(path, { readOnly, skipDamaged, retention, ...given({ keep, maxBytes, reserveBytes }) })));
}

/** Makes a site, which has no history yet, from a backup. One that ends early leaves none. */
export async function restore(backup: string, site: string, options: WorkOptions = {}): Promise<BackupReport> {
  checkText("restore", "backup", backup);
  checkText("restore", "site", site);
  checkOptions("restore", options, WORK);
  return work(options, (stop, told) => settled(sync(() => native.restore(backup, site, stop, told))));
}

/** A site in memory, gone when it is closed or forgotten. */
export function memory(): Memcore {
  return new Memcore(sync(() => native.memory()));
}
