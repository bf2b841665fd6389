/** Columns that are written, as the native addon takes them. */
import { InvalidError } from "./errors.cjs";
import { checkNumber, checkOptions, checkText, given, oneOf, show, text } from "./options.cjs";
import { type TimeLike, type TimesLike, toMicros, toMicrosArray } from "./time.cjs";

/** How values are written. */
export interface WriteOptions {
  /** Converts from this unit; a series that is not registered becomes a gauge in it. */
  unit?: string;
  /** `skip`, the default: NaN is no value and is not written, like `null`. `keep`: it is stored, apart from a gap. */
  nan?: "skip" | "keep";
}

/** Numbers; `null` is a gap. */
export type Values = Float64Array | readonly (number | null)[];

interface Columns {
  micros: BigInt64Array;
  numbers: Float64Array;
  absent: Uint8Array | undefined;
  how: { keepNan: boolean; unit?: string };
}

/** Times and values of a series, one of each or as many, checked. */
export function columnsOf(series: string, times: TimeLike | TimesLike, values: number | null | Values, options: WriteOptions): Columns {
  const call = `write ${show(series)}`;
  checkText("write", "series", series);
  checkOptions(call, options, { unit: text, nan: oneOf("skip", "keep") });
  const single = typeof values === "number" || values === null;
  const micros = single ? BigInt64Array.of(toMicros(`${call}: time`, times as TimeLike)) : toMicrosArray(`${call}: times`, times as TimesLike);
  const { numbers, absent } = toColumn(call, single ? [values] : values);
  return { micros, numbers, absent, how: { keepNan: options.nan === "keep", ...given({ unit: options.unit }) } };
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
