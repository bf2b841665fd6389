/** Control against a simulated site: the live code under a virtual clock. */
import native = require("../native.cjs");
import { camel } from "./assets.cjs";
import { settled, sync } from "./call.cjs";
import { type Values, known } from "./columns.cjs";
import { type Actor, asking, modelOf, type SiteModelLike, type Think } from "./control.cjs";
import { InvalidError } from "./errors.cjs";
import { type WorkOptions, work } from "./history.cjs";
import { anything, bytes, callable, checkOptions, flag, given, number, pair, record, show, signal, text } from "./options.cjs";
import { PlanChart } from "./plan.cjs";
import { type Duration, type TimeLike, type TimesLike, toDate, toDuration, toMicros, toMicrosArray } from "./time.cjs";

/** Prices over time; each holds until the next. */
export interface PriceTable {
  time: TimesLike;
  buyPerKwh: Values;
  sellPerKwh?: Values;
}

/** One price, one bought and one sold, `"invented"` for an invented day-ahead market, the path of a CSV file, or a table. */
export type SimulationPrices = number | readonly [buy: number, sell: number] | string | PriceTable;

/** An actor in a simulation: its time is the simulation's, so it has no budget. */
export interface SimulatedActor {
  /** How often it is asked; a minute unless said otherwise. */
  every?: Duration;
  actor: Think | Actor;
}

/** What is simulated. The same options give the same result. */
export interface SimulateControlOptions extends WorkOptions {
  /** How many days; 7 unless said otherwise. */
  days?: number;
  /** How long, in place of `days`. */
  length?: Duration;
  /** When it begins; 2026-06-01 UTC unless said otherwise. */
  start?: TimeLike;
  /** From one decision to the next; a minute unless said otherwise. */
  step?: Duration;
  /** The length of the rows of the table; a minute, or a step where that is longer, unless said otherwise. */
  row?: Duration;
  /** Of weather, people and chance; 1 unless said otherwise. */
  seed?: number;
  /** What energy costs; as the model says unless said otherwise. */
  prices?: SimulationPrices;
  /** States of charge of batteries at first, 0..1, by their names. */
  soc?: Readonly<Record<string, number>>;
  /** Degrees north and east. */
  position?: readonly [latitude: number, longitude: number];
  /** Actors beside the model's strategies, by their names. What one throws ends the simulation. */
  actors?: Readonly<Record<string, SimulatedActor | Think>>;
  /** Whether it is controlled at all; without it devices do what they do by themselves, for comparison. */
  control?: boolean;
  /** Whether plans are made, where the model asks for them. */
  plans?: boolean;
}

/** How a scenario is run: its file says the rest. */
export type ScenarioOptions = Pick<SimulateControlOptions, "seed" | "actors" | "signal" | "onProgress">;

/** Energy in kWh, money in the site's currency, counts. */
export interface SimulationFigures {
  readonly seconds: number;
  readonly decisions: number;
  readonly orders: number;
  /** Orders that devices refused. */
  readonly refusals: number;
  /** Leases that ended at devices. */
  readonly leasesEnded: number;
  readonly plans: number;
  readonly importKwh: number;
  readonly exportKwh: number;
  readonly producedKwh: number;
  readonly consumedKwh: number;
  /** The highest mean of an interval of the demand charge, in W. */
  readonly peakW: number;
  readonly bought: number;
  readonly sold: number;
  readonly demand: number;
  readonly fuel: number;
  readonly wear: number;
  /** All of it: bought, demand, fuel and wear less what was sold. */
  readonly cost: number;
  /** The share of what was produced that was used on the site, 0..1; null where nothing was. */
  readonly selfConsumption: number | null;
  /** The share of what was consumed that did not come from the grid, 0..1; null where nothing was. */
  readonly autarky: number | null;
  /** For how long an island was dark, in seconds. */
  readonly darkS: number;
}

/** What an asset did. */
export interface AssetFigures {
  readonly name: string;
  readonly takenKwh: number;
  readonly givenKwh: number;
  /** How often it was switched on or off. */
  readonly switchings: number;
  /** How often it changed from taking to giving, or back. */
  readonly turns: number;
  readonly socLow: number | null;
  readonly socHigh: number | null;
}

/** A limit that was broken for longer than control needs to answer. */
export interface LimitViolation {
  /** Which, in the words of the site. */
  readonly what: string;
  readonly start: Date;
  readonly end: Date;
  /** The worst value in that time, in the unit of the limit. */
  readonly worst: number;
  readonly limit: number;
}

interface Told extends Record<string, unknown> {
  from: number;
  assets: Record<string, unknown>[];
  violations: { what: string; from: number; to: number; worst: number; limit: number }[];
}

/** A simulation of control that has ended: money, energy, violations, a table, a chart, and why. */
export class SimulatedControl {
  readonly #native: native.NativeSimulatedControl;
  /** When it began. */
  readonly start: Date;
  /** The money of all costs. */
  readonly currency: string;
  readonly figures: SimulationFigures;
  /** What each controlled asset did. */
  readonly assets: readonly AssetFigures[];
  /** Limits that were broken for longer than control needs to answer: the first thousand. */
  readonly violations: readonly LimitViolation[];
  /** What a scenario is about. */
  readonly about: string | undefined;
  /** What a scenario expects and was not so. */
  readonly failures: readonly string[];

  /** @internal */
  constructor(simulated: native.NativeSimulatedControl) {
    this.#native = simulated;
    const told = JSON.parse(sync(() => simulated.figures())) as Told;
    const { from, assets, violations, ...figures } = told;
    this.start = micros(from);
    this.currency = simulated.currency;
    this.figures = camels(figures) as unknown as SimulationFigures;
    this.assets = assets.map((asset) => camels(asset) as unknown as AssetFigures);
    this.violations = violations.map(({ from: start, to: end, ...rest }) => ({ ...rest, start: micros(start), end: micros(end) }));
    const [about, ...failures] = simulated.scenario ?? [];
    this.about = about;
    this.failures = failures;
  }

  /** All of it in money: `figures.cost`. */
  get cost(): number {
    return this.figures.cost;
  }

  /** Faults, refusals and leases that ended, in their order. */
  happened(): { time: Date; what: string }[] {
    const told = JSON.parse(sync(() => this.#native.happened())) as [number, string][];
    return told.map(([time, what]) => ({ time: micros(time), what }));
  }

  /** Why an asset did what it did at that time, in a sentence. */
  why(asset: string, at: TimeLike): string {
    return sync(() => this.#native.why(asset, toMicros("why: at", at)));
  }

  /** What a chart of it is drawn from, for uPlot and ECharts: powers, states of charge, temperatures, prices. */
  chart(): PlanChart {
    return new PlanChart(JSON.parse(sync(() => this.#native.chart())) as ConstructorParameters<typeof PlanChart>[0]);
  }

  /** A row each minute as an Arrow IPC stream: `time`, `grid_w`, prices, and power, decision and state of charge of each asset. */
  async toIPC(): Promise<Uint8Array> {
    return settled(this.#native.toIpc());
  }

  /** All figures, in the form of `memcore control simulate --json`. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(sync(() => this.#native.figures())) as Record<string, unknown>;
  }

  toString(): string {
    const { importKwh, exportKwh, peakW } = this.figures;
    const lines = [
      `${this.cost.toFixed(2)} ${this.currency} over ${(this.figures.seconds / 86_400).toFixed(2)} days`,
      `${importKwh.toFixed(1)} kWh bought, ${exportKwh.toFixed(1)} kWh sold, peak ${(peakW / 1000).toFixed(1)} kW`,
      ...this.violations.map(({ what, worst, limit, start }) => `broken: ${what}, ${String(worst)} beyond ${String(limit)}, at ${start.toISOString()}`),
      ...this.failures.map((failure) => `failed: ${failure}`),
    ];
    return lines.join("\n");
  }
}

const SCENARIO = { seed: bytes, actors: record, signal, onProgress: callable };
const OPTIONS = {
  ...SCENARIO,
  days: number,
  length: anything,
  start: anything,
  step: anything,
  row: anything,
  prices: anything,
  soc: record,
  position: pair,
  control: flag,
  plans: flag,
};
const DAY_MS = 86_400_000;

/**
 * Lets the live code control emulated devices of a site under a virtual clock: a week takes seconds. `model` is a site model: its
 * file, its fields, or a `SiteModel`.
 */
export async function simulateControl(model: SiteModelLike, options: SimulateControlOptions = {}): Promise<SimulatedControl> {
  const call = "simulateControl";
  checkOptions(call, options, OPTIONS);
  const { file, json } = modelOf(`${call}: model`, model);
  const { days, length, soc = {}, position, seed, control, plans } = options;
  if (days !== undefined && length !== undefined) throw new InvalidError(`${call}: both days and length are given, expected one of them`);
  const settings = {
    from: toMicros(`${call}: start`, options.start ?? "2026-06-01T00:00:00Z"),
    length: toDuration(`${call}: length`, length ?? (days ?? 7) * DAY_MS) ?? "",
    socNames: Object.keys(soc),
    socs: Object.values(soc),
    ...given({ file, model: json, seed, control, plans, position: position && [...position] }),
    ...given({ step: toDuration(`${call}: step`, options.step), row: toDuration(`${call}: row`, options.row) }),
  };
  const { flat, invented, priceFile, columns } = pricesOf(call, options.prices);
  return run({ ...settings, ...given({ flat, invented, priceFile }) }, columns, options);
}

/** Runs a scenario: its file says the site, what happens, and what must be true; `failures` has what was not. */
export async function simulateScenario(file: string, options: ScenarioOptions = {}): Promise<SimulatedControl> {
  const call = "simulateScenario";
  const expected = text(file);
  if (expected !== undefined) throw new InvalidError(`${call}: file is ${show(file)}, expected ${expected}`);
  checkOptions(call, options, SCENARIO);
  return run({ scenario: file, from: 0n, length: "", socNames: [], socs: [], ...given({ seed: options.seed }) }, undefined, options);
}

async function run(
  settings: native.SimulatedSettings,
  columns: native.PriceColumns | undefined,
  options: ScenarioOptions,
): Promise<SimulatedControl> {
  const actors = new native.NativeSimulatedActors();
  for (const [name, given] of Object.entries(options.actors ?? {})) {
    const { every: asked, actor } = typeof given === "function" ? { every: undefined, actor: given } : given;
    const every = toDuration(`actor ${name}: every`, asked) ?? "60s";
    const { wishes, asked: answer } = asking(name, actor, every);
    sync(() => {
      actors.add(name, every, wishes, answer);
    });
  }
  return work(options, async (stop, told) => {
    const ended = await settled(sync(() => native.simulateControl(settings, columns, actors, stop, told)));
    return new SimulatedControl(ended);
  });
}

interface Priced {
  flat?: number[];
  invented?: boolean;
  priceFile?: string;
  columns?: native.PriceColumns;
}

function pricesOf(call: string, prices: unknown): Priced {
  if (prices === undefined) return {};
  if (prices === "invented") return { invented: true };
  if (typeof prices === "string") return { priceFile: prices };
  if (typeof prices === "number") return { flat: [prices, prices] };
  if (pair(prices) === undefined) return { flat: [...(prices as number[])] };
  checkOptions(`${call}: prices`, prices, { time: anything, buyPerKwh: anything, sellPerKwh: anything });
  const { time, buyPerKwh, sellPerKwh } = prices as PriceTable;
  const times = Array.from(toMicrosArray(`${call}: prices.time`, time));
  const buy = known(call, "prices.buyPerKwh", buyPerKwh);
  return { columns: { times, buy, ...(sellPerKwh === undefined ? {} : { sell: known(call, "prices.sellPerKwh", sellPerKwh) }) } };
}

function camels(told: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(told).map(([name, value]) => [camel(name), value]));
}

function micros(time: number): Date {
  return toDate(BigInt(time));
}
