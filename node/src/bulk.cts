/** Loading much at once. */
import type native = require("../native.cjs");
import { settled, sync } from "./call.cjs";
import { type Values, type WriteOptions, columnsOf } from "./columns.cjs";
import { type TimeLike, type TimesLike } from "./time.cjs";

/** How far a long work is, and at its end what it did. */
export interface Progress {
  /** Rows that were read or written. */
  readonly rows: number;
  /** Values among them. */
  readonly points: number;
  /** Which part of the whole is done, from 0 to 1, where that is known. */
  readonly part?: number;
  /** How long it has taken. */
  readonly milliseconds: number;
}

/** Who hears of a load. */
export interface BulkOptions {
  /** Called after each write. */
  onProgress?: (progress: Progress) => void;
  /** Refuses further writes once it aborts; what was written stays. */
  signal?: AbortSignal;
}

/**
 * A load of many writes, made by `Memcore.bulk`: fast, because the disk is not waited for after each.
 *
 * What is written is seen by queries, and durable, after `commit()` and `close()`; `await using` closes it. A write that is
 * refused writes nothing, and the load may go on.
 */
export class Bulk {
  readonly #native: native.NativeBulk;
  readonly #options: BulkOptions;
  #closed: Promise<Progress> | undefined;

  /** @internal */
  constructor(bulk: native.NativeBulk, options: BulkOptions) {
    this.#native = bulk;
    this.#options = options;
  }

  /** As `Memcore.write`, to be durable with the next commit. */
  write(series: string, time: TimeLike, value: number | null, options?: WriteOptions): Promise<number>;
  write(series: string, times: TimesLike, values: Values, options?: WriteOptions): Promise<number>;
  async write(series: string, times: TimeLike | TimesLike, values: number | null | Values, options: WriteOptions = {}): Promise<number> {
    this.#options.signal?.throwIfAborted();
    const { micros, numbers, absent, how } = columnsOf(series, times, values, options);
    const written = await settled(sync(() => this.#native.write(series, micros, numbers, absent, how)));
    if (this.#options.onProgress !== undefined) this.#options.onProgress(await this.progress());
    return written;
  }

  /** What was written so far. */
  async progress(): Promise<Progress> {
    return this.#closed ?? settled(this.#native.progress());
  }

  /** Makes all that was written so far visible and durable. */
  async commit(): Promise<void> {
    await settled(this.#native.commit());
  }

  /** Commits what is left and says what was written. Doing it again does nothing. */
  close(): Promise<Progress> {
    return (this.#closed ??= settled(this.#native.finish()));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
