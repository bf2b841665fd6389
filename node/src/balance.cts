/** The energy balance of a site: what came in, what went out, and what nothing explains. */
import native = require("../native.cjs");
import { sync } from "./call.cjs";
import { type Values, known } from "./columns.cjs";
import { InvalidError } from "./errors.cjs";
import { anything, checkOptions, given, oneOf, show, signal, text, words } from "./options.cjs";
import { type Duration, type TimeLike, toDuration, toMicros } from "./time.cjs";

/** The energy that flowed into each part of a site in each interval, in passive sign; several columns where there are several. */
export interface BalanceParts {
  /** The connection to the grid: import is positive. */
  grid?: Values | readonly Values[];
  /** What makes electricity: what it makes is negative. */
  production?: Values | readonly Values[];
  /** What keeps it: charging is positive. */
  storage?: Values | readonly Values[];
  /** What uses it. */
  load?: Values | readonly Values[];
}

const KINDS = ["grid", "production", "storage", "load"] as const;

/**
 * A value an interval in each column, in Wh or the unit of what it was made of. An interval of which a part is unknown is NaN in all
 * of them, and its coverage 0.
 */
export class Balance {
  readonly #native: native.NativeBalance;
  /** Where each interval starts, in microseconds since 1970, where that is known. */
  readonly times: BigInt64Array | undefined;
  /** Taken from the grid. */
  readonly import!: Float64Array;
  /** Given to the grid. */
  readonly export!: Float64Array;
  /** Made on the site. */
  readonly production!: Float64Array;
  /** Put into storage. */
  readonly charged!: Float64Array;
  /** Taken from storage. */
  readonly discharged!: Float64Array;
  /** Used by measured loads; where none is measured, what is left over. */
  readonly consumption!: Float64Array;
  /** What nothing explains, of either sign; NaN where there is nothing to compare. */
  readonly residual!: Float64Array;
  /** Its size as a share of all that came in. */
  readonly residualShare!: Float64Array;
  /** The share of the production that stayed on the site. */
  readonly selfConsumption!: Float64Array;
  /** The share of what the site used that it did not import. */
  readonly selfSufficiency!: Float64Array;
  /** The share of the interval that is known. */
  readonly coverage!: Float64Array;

  /** @internal Made by `balance` and `Memcore.balance`. */
  constructor(balance: native.NativeBalance, times?: BigInt64Array) {
    this.#native = balance;
    this.times = times;
    for (const { name, values } of sync(() => balance.columns())) {
      const field = name.replace(/_(\w)/g, (_, letter: string) => letter.toUpperCase());
      Object.defineProperty(this, field, { value: values, enumerable: true });
    }
  }

  /**
   * Longer intervals: each is the sum of those from the end before until before its own; `[4, 8]` are the first four and the next
   * four. Only what is known counts, and `coverage` says how much that is.
   */
  gather(ends: readonly number[]): Balance {
    const wrong = ends.findIndex((end) => !Number.isInteger(end) || end < 0);
    if (wrong >= 0) throw new InvalidError(`gather: ends[${String(wrong)}] is ${show(ends[wrong])}, expected a whole number from 0 on`);
    const gathered = sync(() => this.#native.gather([...ends]));
    const starts = [0, ...ends.slice(0, -1)].slice(0, ends.length);
    return new Balance(gathered, this.times && BigInt64Array.from(starts, (at) => this.times?.[at] ?? 0n));
  }
}

/** The series of power that have a part in a site's balance: patterns. */
export interface BalanceSelections {
  grid?: string | readonly string[];
  production?: string | readonly string[];
  storage?: string | readonly string[];
  load?: string | readonly string[];
}

/** Over which time a site is balanced. */
export interface BalanceOptions {
  /** Only from this instant on; the first sample without it. */
  start?: TimeLike;
  /** Only before this instant; the last sample without it. */
  end?: TimeLike;
  /** One row a bucket; everything in one without it. */
  every?: Duration;
  /** The zone whose clocks and calendar the buckets follow. */
  tz?: string;
  /** What flows both ways within it is netted; a minute without it. */
  step?: Duration;
  /** The longest silence over which a value holds; each channel's own without it. */
  maxGap?: Duration;
  /** How a value goes over into the next. */
  rule?: "step" | "trapezoid";
  /** Gives up waiting. */
  signal?: AbortSignal;
}

/** The balance of a site out of its history. */
export class SiteBalance extends Balance {
  /** Where the last interval ends, in microseconds since 1970. */
  readonly end: bigint;
  /** The series that were read, and as what. */
  readonly series: readonly { readonly series: string; readonly role: string }[];

  /** @internal Made by `Memcore.balance`. */
  constructor(found: native.NativeSiteBalance) {
    const borders = sync(() => found.borders());
    super(sync(() => found.balance()), borders.slice(0, -1));
    this.end = borders.at(-1) ?? 0n;
    this.series = sync(() => found.series()).map(([series = "", role = ""]) => ({ series, role }));
  }
}

/** @internal What is asked for, as the native addon takes it. */
export function balanceSettings(site: string | BalanceSelections, options: BalanceOptions): [native.BalanceSettings, native.Holds] {
  const known = { start: anything, end: anything, every: anything, tz: text, step: anything, maxGap: anything, rule: oneOf("step", "trapezoid"), signal };
  checkOptions("balance", options, known);
  const parts: string[][] = [];
  if (typeof site !== "string") {
    checkOptions("balance", site, { grid: words, production: words, storage: words, load: words });
    for (const role of KINDS) for (const selection of [site[role] ?? []].flat()) parts.push([role, selection]);
  }
  const at = (name: "start" | "end") => (options[name] === undefined ? undefined : toMicros(`balance: ${name}`, options[name]));
  const length = (name: "every" | "step" | "maxGap") => toDuration(`balance: ${name}`, options[name]);
  const { tz, rule = "step" } = options;
  const asked = { site: typeof site === "string" ? site : undefined, start: at("start"), end: at("end"), every: length("every"), tz, step: length("step") };
  return [{ parts, ...given(asked) }, { rule, ...given({ maxGap: length("maxGap") }) }];
}

/** Balances what flowed into each part of a site, interval by interval, such as integrals of power. */
export function balance(parts: BalanceParts): Balance {
  checkOptions("balance", parts, { grid: anything, production: anything, storage: anything, load: anything });
  const roles: string[] = [];
  const amounts: Float64Array[] = [];
  for (const role of KINDS) {
    for (const column of each(parts[role])) {
      roles.push(role);
      amounts.push(known("balance", role, column));
    }
  }
  return new Balance(sync(() => native.NativeBalance.of(roles, amounts)));
}

function each(given: Values | readonly Values[] | undefined): readonly Values[] {
  if (given === undefined) return [];
  const several = Array.isArray(given) && typeof given[0] === "object" && given[0] !== null;
  return several ? (given as readonly Values[]) : [given as Values];
}
