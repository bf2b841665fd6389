/** Columns that are written, as the native addon takes them. */
import { InvalidError } from "./errors.cjs";
import { anything, checkNumber, checkOptions, checkText, given, oneOf, show, text } from "./options.cjs";
import { type TimeLike, type TimesLike, toMicros, toMicrosArray } from "./time.cjs";

/** How values are written. */
export interface WriteOptions {
  /** Converts from this unit; a series that is not registered becomes a gauge in it. */
  unit?: string;
  /** `skip`, the default: NaN is no value and is not written, like `null`. `keep`: it is stored, apart from a gap. */
  nan?: "skip" | "keep";
  /** How the values came about: it stands in the channel `power.quality` beside `power`, at the same times. */
  quality?: QualityLike;
}

/** How a value came about, from best to worst. */
export type Quality = "measured" | "held" | "estimated" | "substituted" | "invalid";

/** One quality for all values, or one for each; `null` is measured. Numbers are 0 to 4 in the order of the names. */
export type QualityLike = Quality | readonly (Quality | null)[] | Float64Array | Uint8Array;

/** The qualities by their numbers. */
export const QUALITIES: readonly Quality[] = Object.freeze(["measured", "held", "estimated", "substituted", "invalid"]);

/** Numbers; `null` is a gap. */
export type Values = Float64Array | readonly (number | null)[];

interface Columns {
  micros: BigInt64Array;
  numbers: Float64Array;
  absent: Uint8Array | undefined;
  how: { keepNan: boolean; unit?: string; quality?: string; qualities?: Float64Array };
}

/** Times and values of a series, one of each or as many, checked. */
export function columnsOf(series: string, times: TimeLike | TimesLike, values: number | null | Values, options: WriteOptions): Columns {
  const call = `write ${show(series)}`;
  checkText("write", "series", series);
  checkOptions(call, options, { unit: text, nan: oneOf("skip", "keep"), quality: anything });
  const single = typeof values === "number" || values === null;
  const micros = single ? BigInt64Array.of(toMicros(`${call}: time`, times as TimeLike)) : toMicrosArray(`${call}: times`, times as TimesLike);
  const { numbers, absent } = toColumn(call, single ? [values] : values);
  const { unit, quality } = options;
  const came = typeof quality === "string" ? { quality } : { qualities: quality && qualitiesOf(call, quality) };
  return { micros, numbers, absent, how: { keepNan: options.nan === "keep", ...given({ unit, ...came }) } };
}

/** The number of each quality. */
export function qualitiesOf(call: string, quality: Exclude<QualityLike, string>): Float64Array {
  if (quality instanceof Float64Array) return quality;
  if (quality instanceof Uint8Array) return Float64Array.from(quality);
  if (!Array.isArray(quality)) throw new InvalidError(`${call}: quality is ${show(quality)}, expected one of ${QUALITIES.join(" ")}, or an array of them`);
  return Float64Array.from(quality as readonly (Quality | null)[], (name, at) => {
    const number = name === null ? 0 : QUALITIES.indexOf(name);
    if (number < 0) throw new InvalidError(`${call}: quality[${String(at)}] is ${show(name)}, expected one of ${QUALITIES.join(" ")}`);
    return number;
  });
}

/** Numbers that are only read, NaN where there is none; a `Float64Array` as it is. */
export function known(call: string, name: string, values: Values): Float64Array {
  const { numbers, absent } = toColumn(call, values, name);
  absent?.forEach((mark, at) => {
    if (mark !== 0) numbers[at] = NaN;
  });
  return numbers;
}

/** Numbers, and which of them are none. */
function toColumn(call: string, values: Values, name = "values"): { numbers: Float64Array; absent: Uint8Array | undefined } {
  if (values instanceof Float64Array) return { numbers: values, absent: undefined };
  if (!Array.isArray(values)) {
    throw new InvalidError(`${call}: ${name} are ${show(values)}, expected a Float64Array or an array of numbers and nulls`);
  }
  const numbers = new Float64Array(values.length);
  const absent = new Uint8Array(values.length);
  for (let at = 0; at < values.length; at++) {
    const value: unknown = values[at];
    if (value === null || value === undefined) absent[at] = 1;
    else numbers[at] = checkNumber(call, `${name}[${String(at)}]`, value);
  }
  return { numbers, absent };
}
