/**
 * Instants and lengths of time.
 *
 * An instant is UTC, in integer microseconds since 1970: exact as a `bigint`. A `Date` has milliseconds and ends in the years
 * -271821 and 275760: an instant beyond them is an Invalid Date, and its `bigint` beside it is still exact.
 */
import native = require("../native.cjs");
import { sync } from "./call.cjs";
import { InvalidError } from "./errors.cjs";
import { show } from "./options.cjs";

/** Where the runtime has Temporal, its instants are taken: by form, so that no type library is needed. */
export interface TemporalInstant {
  readonly epochNanoseconds: bigint;
}

/** An instant: a `Date`, `bigint` microseconds since 1970, RFC 3339 text with a zone, or a `Temporal.Instant`. */
export type TimeLike = Date | bigint | string | TemporalInstant;

/** Many instants; a `BigInt64Array` holds microseconds since 1970 and is the fastest. */
export type TimesLike = BigInt64Array | readonly TimeLike[];

/** A length of time: text such as `250ms`, `10s`, `15m`, `1h`, `7d`, or a number of milliseconds. */
export type Duration = string | number;

const MICROS_MIN = -(2n ** 63n);
const MICROS_MAX = 2n ** 63n - 1n;

/** Microseconds since 1970. */
export function toMicros(name: string, time: TimeLike): bigint {
  const micros = convert(name, time);
  if (micros < MICROS_MIN || micros > MICROS_MAX) {
    throw new InvalidError(`${name} is ${show(micros)}, expected microseconds since 1970 in 64 bits`);
  }
  return micros;
}

function convert(name: string, time: unknown): bigint {
  if (typeof time === "bigint") return time;
  if (time instanceof Date) {
    const millis = time.getTime();
    if (Number.isNaN(millis)) throw new InvalidError(`${name} is an Invalid Date, expected an instant`);
    return BigInt(millis) * 1000n;
  }
  if (typeof time === "string") return sync(() => native.parseTime(time));
  if (typeof time === "object" && time !== null && "epochNanoseconds" in time && typeof time.epochNanoseconds === "bigint") {
    return floorDivide(time.epochNanoseconds, 1000n);
  }
  const unit = typeof time === "number" ? ": a number could be seconds, milliseconds or microseconds" : "";
  throw new InvalidError(`${name} is ${show(time)}${unit}, expected a Date, bigint microseconds, RFC 3339 text or a Temporal.Instant`);
}

/** Microseconds since 1970, one for each instant. */
export function toMicrosArray(name: string, times: TimesLike): BigInt64Array {
  if (times instanceof BigInt64Array) return times;
  if (!Array.isArray(times)) throw new InvalidError(`${name} is ${show(times)}, expected a BigInt64Array or an array of instants`);
  const micros = new BigInt64Array(times.length);
  for (let at = 0; at < times.length; at++) micros[at] = toMicros(`${name}[${String(at)}]`, times[at] as TimeLike);
  return micros;
}

/** Microseconds of times on a wall clock, as if they were UTC. */
export function toLocalArray(name: string, local: BigInt64Array | readonly string[]): BigInt64Array {
  if (local instanceof BigInt64Array) return local;
  if (!Array.isArray(local)) throw new InvalidError(`${name} is ${show(local)}, expected a BigInt64Array or an array of texts`);
  return BigInt64Array.from(local, (time: unknown, at) => {
    const whole = typeof time === "string" && /^\d{4}-\d\d-\d\d(?:[T ]\d\d:\d\d(?::\d\d(?:[.,]\d+)?)?)?$/.test(time);
    if (!whole) throw new InvalidError(`${name}[${String(at)}] is ${show(time)}, expected a local time without a zone, such as 2024-03-31T02:30`);
    return sync(() => native.parseTime(time.length === 10 ? `${time}T00:00Z` : `${time}Z`));
  });
}

/** The millisecond in which an instant lies; Invalid Date where a `Date` cannot hold it. */
export function toDate(micros: bigint): Date {
  return new Date(Number(floorDivide(micros, 1000n)));
}

/** Rounds towards the past, so that instants before 1970 keep their order. */
function floorDivide(value: bigint, by: bigint): bigint {
  const quotient = value / by;
  return value % by < 0n ? quotient - 1n : quotient;
}

/** A length of time as the core reads it. */
export function toDuration(name: string, duration: Duration | undefined): string | undefined {
  if (duration === undefined || typeof duration === "string") return duration;
  if (typeof duration === "number" && duration >= 0 && Number.isSafeInteger(Math.round(duration * 1000))) {
    return `${String(Math.round(duration * 1000))}us`;
  }
  throw new InvalidError(`${name} is ${show(duration)}, expected text such as 15m or a number of milliseconds`);
}
