/** The answer to a query: typed arrays, rows, or Arrow. */
import type native = require("../native.cjs");
import { settled, sync } from "./call.cjs";
import type { Aggregate } from "./history.cjs";
import { checkOptions, oneOf } from "./options.cjs";
import { toDate } from "./time.cjs";

/** The rows of one series, in order of time. The arrays are made when they are first asked for. */
export class SeriesResult<C extends Column = Column> {
  readonly #native: native.NativeResult;
  readonly #at: number;
  readonly #columns = new Map<string, Float64Array>();
  #times: BigInt64Array | undefined;
  /** Its name. */
  readonly name: string;
  /** What is measured. */
  readonly quantity: string;
  /** The unit of its values: the base unit of the quantity. */
  readonly unit: string;
  /** How many rows it has. */
  readonly length: number;

  /** @internal */
  constructor(result: native.NativeResult, at: number, { name, quantity, unit, rows }: native.AnsweredSeries) {
    this.#native = result;
    this.#at = at;
    this.name = name;
    this.quantity = quantity;
    this.unit = unit;
    this.length = rows;
  }

  /** Microseconds since 1970: of the readings, or the starts of the buckets. */
  get times(): BigInt64Array {
    return (this.#times ??= sync(() => this.#native.times(this.#at)));
  }

  /** The values, or the first of the aggregates. NaN stands where there is none. */
  get values(): Float64Array {
    return this.column((this.#native.columns()[0] ?? "value") as C);
  }

  /** A column by its name: `value`, or an aggregate's. */
  column(name: C): Float64Array {
    let column = this.#columns.get(name);
    if (column === undefined) {
      column = sync(() => this.#native.column(this.#at, name));
      this.#columns.set(name, column);
    }
    return column;
  }
}

/** The columns of an answer beside series and time. */
export type Column = "value" | Aggregate;

/** One row: `series`, `time`, and `value` or one field for each aggregate. `timeUs` is exact and stands apart from JSON. */
export type Row<C extends Column = Column> = Readonly<Record<C, number>> & {
  readonly series: string;
  readonly time: Date;
  readonly timeUs: bigint;
};

/** The wide layout: one time a row, one column a series. */
export interface Wide {
  /** Microseconds since 1970. */
  times: BigInt64Array;
  /** By the series' name, or `name:aggregate` where there are several; NaN where the series has no row at that time. */
  columns: Record<string, Float64Array>;
}

/** The answer to a query. */
export class QueryResult<C extends Column = Column> implements Iterable<SeriesResult<C>> {
  readonly #native: native.NativeResult;
  /** The series, in order of their names; those without a row are there too. */
  readonly series: readonly SeriesResult<C>[];
  /** The names of the columns: `value`, or those of the aggregates. */
  readonly columns: readonly C[];

  /** @internal */
  constructor(result: native.NativeResult) {
    this.#native = result;
    this.series = result.series().map((series, at) => new SeriesResult<C>(result, at, series));
    this.columns = result.columns() as C[];
  }

  /** How many rows there are in all. */
  get length(): number {
    return this.series.reduce((rows, series) => rows + series.length, 0);
  }

  /** The series of that name, where it is part of the answer. */
  get(name: string): SeriesResult<C> | undefined {
    return this.series.find((series) => series.name === name);
  }

  [Symbol.iterator](): Iterator<SeriesResult<C>> {
    return this.series[Symbol.iterator]();
  }

  /** Every row as an object, series by series. */
  rows(): Row<C>[] {
    return this.series.flatMap((series) => {
      const columns = this.columns.map((name) => [name, series.column(name)] as const);
      return Array.from(series.times, (micros, at) => {
        const row = { series: series.name, time: toDate(micros) } as Record<string, unknown>;
        for (const [name, column] of columns) row[name] = column[at];
        return Object.defineProperty(row, "timeUs", { value: micros }) as Row<C>;
      });
    });
  }

  /** What the answer has cost: chunks, pages decoded and answered by summaries, bytes read. */
  explain(): string {
    return sync(() => this.#native.explain());
  }

  /** Times that all series share, and a column for each. */
  wide(): Wide {
    const { times, names, columns } = sync(() => this.#native.wide());
    return { times, columns: Object.fromEntries(names.map((name, at) => [name, columns[at] ?? new Float64Array()])) };
  }

  /** An Arrow IPC stream, for `tableFromIPC` of apache-arrow, DuckDB and others. */
  async toIPC(options: { layout?: "long" | "wide" } = {}): Promise<Uint8Array> {
    checkOptions("toIPC", options, { layout: oneOf("long", "wide") });
    return settled(this.#native.toIpc(options.layout === "wide"));
  }
}
