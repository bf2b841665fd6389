/** One value of one series at one instant. */
import { toDate } from "./time.cjs";

/**
 * A reading. It prints, spreads and becomes JSON as `{ series, time, value }`; the exact `timeUs` stands apart, because JSON
 * has no `bigint`.
 */
export class Reading {
  readonly #micros: bigint;
  /** Which series. */
  readonly series: string;
  /** When it was measured, to the millisecond; an Invalid Date where a `Date` cannot hold it. */
  readonly time: Date;
  /** In the base unit of its quantity, and positive where it flows into the device. */
  readonly value: number;

  constructor(series: string, micros: bigint, value: number) {
    this.#micros = micros;
    this.series = series;
    this.time = toDate(micros);
    this.value = value;
  }

  /** When it was measured: microseconds since 1970, exact. */
  get timeUs(): bigint {
    return this.#micros;
  }
}
