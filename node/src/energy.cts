/**
 * What readings mean over time: the functions that queries and imports use, for columns that are at hand.
 *
 * Times are those of `Memcore.write`: microseconds in a `BigInt64Array`, which is read in place, or an array of `Date`s, texts with
 * a zone, or `bigint`s. Values are in the order of their times; `null` and NaN say that nothing is known.
 */
import native = require("../native.cjs");
import { sync } from "./call.cjs";
import { type QualityLike, type Values, known, qualitiesOf } from "./columns.cjs";
import { InvalidError } from "./errors.cjs";
import type { Aggregate, QueryOptions } from "./history.cjs";
import { anything, checkOptions, checkText, given, number, oneOf, show, text, words } from "./options.cjs";
import { type Duration, type TimeLike, type TimesLike, toDate, toDuration, toLocalArray, toMicros, toMicrosArray } from "./time.cjs";

export { Balance, balance } from "./balance.cjs";
export type { BalanceParts } from "./balance.cjs";

/** How values go on between samples. One of `maxGap` and `cadence` is needed. */
export interface HoldOptions {
  /** How a value goes over into the next: it holds until then, which is the default, or lies on a straight line to it. */
  rule?: "step" | "trapezoid";
  /** The longest silence over which a value holds; three times the cadence without it. */
  maxGap?: Duration;
  /** How often a value comes: before a longer silence it counts for so long. */
  cadence?: Duration;
}

/** Over which range is integrated, and how. */
export interface IntegrateOptions extends HoldOptions {
  /** From this instant on; the first sample without it. */
  start?: TimeLike;
  /** Until before this instant; a cadence after the last sample without it. */
  end?: TimeLike;
}

/** A silence that was too long to be bridged. */
export interface Gap {
  readonly start: Date;
  readonly end: Date;
}

/** What `integrate` found. Lengths of time are in milliseconds. */
export interface Integrated {
  /** Values times hours: Wh of W, Ah of A. */
  readonly amount: number;
  /** The mean over the time that was measured; `null` where none was. */
  readonly mean: number | null;
  /** How much time was measured. */
  readonly covered: number;
  /** How much of it lies behind the last sample by more than a cadence: nothing later says that the value held. */
  readonly held: number;
  readonly gaps: readonly Gap[];
}

/** What `increase` found. */
export interface Increase {
  /** By how much the counter rose; `null` where there are not two readings. */
  readonly amount: number | null;
  /** How often it started anew. */
  readonly resets: number;
  /** How often it fell and came back: nothing was counted. */
  readonly glitches: number;
}

/** What `increases` found. */
export interface Increases {
  /** What each reading adds to those before it; NaN where that is not known, as for the first. */
  readonly amounts: Float64Array;
  /** Each reading that lies below the one before it, and why. */
  readonly events: readonly { readonly row: number; readonly kind: "reset" | "glitch" | "rollover" }[];
}

/** The mean power over intervals, in order of time. */
export interface MeanPower {
  /** Where each interval starts, which is its label, in microseconds since 1970. */
  readonly starts: BigInt64Array;
  /** Where it ends. */
  readonly ends: BigInt64Array;
  /** In the unit of the energy divided by hours, W of Wh; NaN where it is not known. */
  readonly power: Float64Array;
}

/** What `localize` found. */
export interface Localized {
  /** The instant of each row, in microseconds since 1970. */
  readonly times: BigInt64Array;
  /** The rows whose time a clock showed twice: their order told which of the two it was. */
  readonly repeated: Uint32Array;
  /** The rows whose time no clock showed. */
  readonly skipped: Uint32Array;
}

/** What shall become of samples. */
export interface ResampleOptions extends HoldOptions, Pick<QueryOptions, "start" | "end" | "every" | "tz" | "gaps"> {
  /** One or several; the mean without it. */
  agg?: Aggregate | readonly Aggregate[];
  /** Where a counter rolls over, in the unit of the readings, for `increase`. */
  width?: number;
  /** How the values came about, for the shares by quality. */
  quality?: Exclude<QualityLike, string>;
}

/** One row a bucket, in order of time. */
export interface Resampled<A extends Aggregate = Aggregate> {
  /** Where each bucket starts, in microseconds since 1970. */
  readonly times: BigInt64Array;
  /** NaN where a bucket has no such value. */
  readonly columns: Readonly<Record<A, Float64Array>>;
}

const HOLDS = { rule: oneOf("step", "trapezoid"), maxGap: anything, cadence: anything };

/**
 * Integrates samples: from power to energy, and to a mean that is fair to time. A value counts until the next where that comes
 * within the longest gap, else for one cadence where there is one. Samples outside the range say what held at its ends.
 */
export function integrate(times: TimesLike, values: Values, options: IntegrateOptions = {}): Integrated {
  checkOptions("integrate", options, { start: anything, end: anything, ...HOLDS });
  const [start, end] = range("integrate", options);
  const columns = [toMicrosArray("integrate: times", times), known("integrate", "values", values)] as const;
  const { amount, mean, covered, held, gaps } = sync(() => native.integrate(...columns, start, end, holds("integrate", options)));
  const silences = gaps.map(({ start, end }) => ({ start: toDate(start), end: toDate(end) }));
  return { amount, mean: mean ?? null, covered, held, gaps: silences };
}

/**
 * By how much a counter rose from its first reading to its last, across resets and past glitches. `width` is where it rolls over, in
 * the unit of the readings: 65536 for a register of 16 bits that counts in them.
 */
export function increase(readings: Values, options: { width?: number } = {}): Increase {
  checkOptions("increase", options, { width: number });
  const { amount, resets, glitches } = sync(() => native.increase(known("increase", "readings", readings), options.width));
  return { amount: amount ?? null, resets, glitches };
}

/** What each reading of a counter adds; the amounts add up to that of `increase`. */
export function increases(readings: Values, options: { width?: number } = {}): Increases {
  checkOptions("increases", options, { width: number });
  return sync(() => native.increases(known("increases", "readings", readings), options.width)) as Increases;
}

/** Values in another unit of the same quantity; decimals stay decimals: 1.001 kW is 1001 W. */
export function convert(value: number, from: string, to: string): number;
export function convert(values: Values, from: string, to: string): Float64Array;
export function convert(values: number | Values, from: string, to: string): number | Float64Array {
  checkText("convert", "from", from);
  checkText("convert", "to", to);
  const column = typeof values === "number" ? Float64Array.of(values) : known("convert", "values", values);
  const converted = sync(() => native.convert(column, from, to));
  return typeof values === "number" ? (converted[0] ?? NaN) : converted;
}

/**
 * The mean power of amounts of energy, each of the interval that follows its time: 250 Wh of a quarter of an hour are 1000 W. An
 * interval is one cadence long, else until the next time where that comes within the longest gap.
 */
export function meanPower(times: TimesLike, amounts: Values, options: Omit<HoldOptions, "rule"> = {}): MeanPower {
  checkOptions("meanPower", options, { maxGap: anything, cadence: anything });
  const columns = [toMicrosArray("meanPower: times", times), known("meanPower", "amounts", amounts)] as const;
  return sync(() => native.meanPower(...columns, false, undefined, holds("meanPower", options)));
}

/** The mean power between the readings of a counter, past glitches; NaN over a reset, and over a silence that is too long. */
export function meanPowerOfRegister(times: TimesLike, readings: Values, options: Omit<HoldOptions, "rule"> & { width?: number } = {}): MeanPower {
  checkOptions("meanPowerOfRegister", options, { maxGap: anything, cadence: anything, width: number });
  const columns = [toMicrosArray("meanPowerOfRegister: times", times), known("meanPowerOfRegister", "readings", readings)] as const;
  return sync(() => native.meanPower(...columns, true, options.width, holds("meanPowerOfRegister", options)));
}

/** The values at the instants of a grid: what stood then, or with the rule `trapezoid` what lies between; NaN where nothing is known. */
export function at(times: TimesLike, values: Values, grid: TimesLike, options: HoldOptions = {}): Float64Array {
  checkOptions("at", options, HOLDS);
  const columns = [toMicrosArray("at: times", times), known("at", "values", values), toMicrosArray("at: grid", grid)] as const;
  return sync(() => native.at(...columns, holds("at", options)));
}

/**
 * The borders that cut a range into buckets, both of its ends included, in microseconds since 1970. With `tz` they follow the clocks
 * and the calendar of a zone: a day has 23, 24 or 25 hours.
 */
export function buckets(start: TimeLike, end: TimeLike, every: Duration, options: { tz?: string } = {}): BigInt64Array {
  checkOptions("buckets", options, { tz: text });
  const ends = [toMicros("buckets: start", start), toMicros("buckets: end", end)] as const;
  const length = toDuration("buckets: every", every) ?? "";
  return sync(() => native.buckets(...ends, length, options.tz));
}

/**
 * The instants of local times of one series, as files without a zone have them, that rise or fall: texts such as
 * `2024-03-31T02:30`, or microseconds since 1970-01-01T00:00 on the wall clock. An hour that clocks show twice is told by the order
 * of the rows; what no clock showed is read with the offset before the clock was set, or refused.
 */
export function localize(
  local: BigInt64Array | readonly string[],
  tz: string,
  options: { skipped?: "offset_before" | "refuse" } = {},
): Localized {
  checkText("localize", "tz", tz);
  checkOptions("localize", options, { skipped: oneOf("offset_before", "refuse") });
  const micros = toLocalArray("localize: local", local);
  return sync(() => native.localize(micros, tz, options.skipped ?? "offset_before"));
}

/** Gathers samples into buckets: what `Memcore.query` answers to the same question of a site that holds them. */
export function resample<const A extends Aggregate = "mean">(
  times: TimesLike,
  values: Values,
  options: Omit<ResampleOptions, "agg"> & { agg?: A | readonly A[] } = {},
): Resampled<A> {
  checkOptions("resample", options, { start: anything, end: anything, every: anything, agg: words, tz: text, gaps: text, width: number, quality: anything, ...HOLDS });
  const { tz, gaps, width, quality, agg = "mean" } = options;
  if (tz !== undefined && options.every === undefined) throw new InvalidError(`resample: tz is ${show(tz)} without every, expected both`);
  const columns = [toMicrosArray("resample: times", times), known("resample", "values", values)] as const;
  const [start, end] = range("resample", options);
  const every = toDuration("resample: every", options.every);
  const names = typeof agg === "string" ? [agg] : [...agg];
  const asked = { agg: names, ...given({ start, end, every, tz, gaps, width, qualities: quality && qualitiesOf("resample", quality) }) };
  const found = sync(() => native.resample(...columns, asked, holds("resample", options)));
  const named = found.names.map((name, at) => [name, found.columns[at] ?? new Float64Array()] as const);
  return { times: found.times, columns: Object.fromEntries(named) as Record<A, Float64Array> };
}

function holds(call: string, options: HoldOptions): native.Holds {
  const { rule = "step", maxGap, cadence } = options;
  return { rule, ...given({ maxGap: toDuration(`${call}: maxGap`, maxGap), cadence: toDuration(`${call}: cadence`, cadence) }) };
}

function range(call: string, { start, end }: { start?: TimeLike; end?: TimeLike }): [bigint | undefined, bigint | undefined] {
  const at = (name: string, time: TimeLike | undefined) => (time === undefined ? undefined : toMicros(`${call}: ${name}`, time));
  return [at("start", start), at("end", end)];
}
