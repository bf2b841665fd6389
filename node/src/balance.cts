/** The energy balance of a site: what came in, what went out, and what nothing explains. */
import native = require("../native.cjs");
import { sync } from "./call.cjs";
import { type Values, known } from "./columns.cjs";
import { InvalidError } from "./errors.cjs";
import { anything, checkOptions, show } from "./options.cjs";

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
