/** Sites to plan for, and their plans. */
import native = require("../native.cjs");
import { type SiteOptions, camel, siteText } from "./assets.cjs";
import { abortable, settled, sync } from "./call.cjs";
import { InvalidError, NotFoundError } from "./errors.cjs";
import { WORK, type WorkOptions, work } from "./history.cjs";
import { anything, checkOptions, checkText, count, flag, given, number, oneOf, show, signal, whole } from "./options.cjs";
import { type Duration, toDate, toDuration } from "./time.cjs";

/** What finds a plan: two exact engines of memcore's own for sites of their shape, and solvers for all others. */
export type Engine = "storage" | "modes" | "highs" | "microlp" | "clarabel";

/** How a plan is to be made. */
export interface SolveOptions {
  /** Picked by the site's shape unless told. */
  engine?: Engine;
  /** The most time for the solver of an integer program, which then returns its best plan with its gap. */
  timeLimit?: Duration;
  /** The most branch-and-bound nodes: the limit that gives the same plan on every machine. */
  nodeLimit?: number;
  /** By which share a better plan may be missed. */
  gap?: number;
  /** Gives up waiting. */
  signal?: AbortSignal;
}

/** `optimal`: proven to be the best. `feasible`: verified, but a better one may exist. `infeasible`: no plan keeps all hard
 * limits. `undecided`: a limit of time or work was reached first. */
export type PlanStatus = "optimal" | "feasible" | "infeasible" | "undecided";

/** Money spent, above zero, or earned, below zero. */
export interface CostItem {
  /** The asset or link; empty for what belongs to none. */
  readonly part: string;
  readonly cause: string;
  readonly amount: number;
}

/** A wish or soft limit that was not met. */
export interface Violation {
  readonly part: string;
  /** The field that was relaxed: `targetWh`. */
  readonly limit: string;
  readonly amount: number;
  readonly unit: string;
  readonly steps: readonly number[];
  /** The same in a sentence. */
  readonly text: string;
}

/** A limit that takes part in a conflict. */
export interface ConflictingLimit {
  readonly part: string;
  readonly limit: string;
  /** First and last. */
  readonly steps: readonly [number, number];
  readonly says: string;
}

/** How much a limit must give. */
export interface Relaxation {
  readonly part: string;
  readonly limit: string;
  /** In W or Wh as the field says. */
  readonly amount: number;
  readonly steps: readonly number[];
}

/** What memcore's own verifier found. */
export interface Certificate {
  /** The largest miss of any balance, limit or transition, in W or Wh. */
  readonly largestResidual: number;
  readonly at: string;
  readonly objectiveDifference: number;
  readonly priceBound: number | null;
}

/** Which engine ran, why, and how hard it worked. */
export interface EngineReport {
  readonly engine: Engine;
  readonly why: string;
  readonly iterations: number;
  readonly nodes: number;
  /** In milliseconds. */
  readonly timings: { readonly prepare: number; readonly solve: number; readonly verify: number };
}

/** The columns that parts may have: powers in W, energies in Wh, temperatures in degC, one number a step. */
export type PlanColumn =
  | "importW"
  | "exportW"
  | "usedW"
  | "curtailedW"
  | "chargeW"
  | "dischargeW"
  | "energyWh"
  | "powerW"
  | "on"
  | "heatW"
  | "unmetW"
  | "temperatureC"
  | "servedW"
  | "shedW"
  | "forwardW"
  | "reverseW"
  | "reserveW";

/** What an asset or link does. */
export class PlanPart {
  readonly #native: native.NativePlan;
  readonly #at: number;
  readonly name: string;
  /** Its type. */
  readonly kind: string;
  /** What is known of it. */
  readonly columns: readonly PlanColumn[];

  /** @internal */
  constructor(plan: native.NativePlan, at: number, { name, kind, columns }: native.PlannedPart) {
    this.#native = plan;
    this.#at = at;
    this.name = name;
    this.kind = kind;
    this.columns = columns.map((column) => camel(column) as PlanColumn);
  }

  /** A column by its name, one number a step; energies and temperatures are those at the end of a step. */
  column(name: PlanColumn): Float64Array {
    const at = this.columns.indexOf(name);
    if (at < 0) throw new NotFoundError(`${this.name} has no column ${show(name)}, expected one of ${this.columns.join(", ")}`);
    return sync(() => this.#native.column(this.#at, at));
  }

  /** Its net power at its bus, in W, positive into it; of a link, what it takes from its first bus. */
  get netPowerW(): Float64Array {
    return sync(() => this.#native.netPower(this.#at));
  }
}

/** A series of a chart. */
export interface PlanSeries {
  readonly name: string;
  /** The asset, link or bus. */
  readonly part: string;
  /** `stacked` areas, those above zero upwards and those below downwards; a line of `steps`; a `line` through the ends of steps. */
  readonly style: "stacked" | "steps" | "line";
  /** In the unit of the panel. */
  readonly values: readonly (number | null)[];
}

/** Series that share an axis. */
export interface PlanPanel {
  readonly name: "power" | "energy" | "temperature" | "price";
  /** The unit of its axis. */
  readonly unit: string;
  readonly series: readonly PlanSeries[];
}

/** A chart of a plan: panels over the same time, one below the other. */
export class PlanChart {
  readonly title: string;
  /** The borders of the steps, in milliseconds since 1970: one more than there are values in a series. */
  readonly borders: readonly number[];
  readonly panels: readonly PlanPanel[];

  /** @internal */
  constructor(told: { title: string; borders: string[]; panels: PlanPanel[] }) {
    this.title = told.title;
    this.borders = told.borders.map((border) => Date.parse(border));
    this.panels = told.panels;
  }

  /** The data of a panel for uPlot: the starts of the steps in seconds, then an array of values a series. */
  uplot(panel: PlanPanel["name"]): [times: number[], ...series: (number | null)[][]] {
    const shown = this.panels.find(({ name }) => name === panel);
    if (shown === undefined) throw new NotFoundError(`the chart has no panel ${show(panel)}, expected one of ${this.panels.map(({ name }) => name).join(", ")}`);
    return [this.borders.slice(0, -1).map((border) => border / 1000), ...shown.series.map(({ values }) => [...values])];
  }

  /** The options of ECharts: a grid for each panel, powers stacked, prices as steps, one pointer over all. */
  echarts(): object {
    const part = 84 / this.panels.length;
    const place = (at: number) => ({ top: `${String(8 + at * part)}%`, height: `${String(part - 8)}%`, left: 60, right: 20 });
    const series = this.panels.flatMap((panel, at) => panel.series.map((one) => this.#echarts(one, at)));
    return {
      title: { text: this.title },
      legend: { type: "scroll", bottom: 0 },
      tooltip: { trigger: "axis" },
      axisPointer: { link: [{ xAxisIndex: "all" }] },
      grid: this.panels.map((_, at) => place(at)),
      xAxis: this.panels.map((_, at) => ({ type: "time", gridIndex: at })),
      yAxis: this.panels.map(({ unit }, at) => ({ type: "value", name: unit, gridIndex: at })),
      series,
    };
  }

  #echarts({ name, style, values }: PlanSeries, panel: number): object {
    const at = style === "line" ? 1 : 0;
    const data = values.map((value, step) => [this.borders[step + at], value]);
    // A step holds until its end, which has no value of its own.
    if (style !== "line") data.push([this.borders[values.length], values.at(-1) ?? null]);
    const total = values.reduce<number>((sum, value) => sum + (value ?? 0), 0);
    const stacked = { stack: total >= 0 ? "gives" : "takes", stackStrategy: "all", areaStyle: {}, lineStyle: { width: 0 } };
    return {
      type: "line",
      name,
      xAxisIndex: panel,
      yAxisIndex: panel,
      showSymbol: false,
      data,
      ...(style !== "line" && { step: "end" }),
      ...(style === "stacked" && stacked),
    };
  }
}

/**
 * What became of a site. Where there is no plan to follow, `explain` says why, and what would read the plan throws
 * `InvalidError` with the same words.
 */
export class Plan implements Iterable<PlanPart> {
  readonly #native: native.NativePlan;
  #parts: readonly PlanPart[] | undefined;
  #remarks: Remarks | undefined;
  /** The site that it was made for. */
  readonly site: Site;

  /** @internal Made by `Site.solve`. */
  constructor(plan: native.NativePlan, site: Site) {
    this.#native = plan;
    this.site = site;
  }

  get status(): PlanStatus {
    return this.#native.status() as PlanStatus;
  }

  /** Whether there is a plan to follow. */
  get found(): boolean {
    return this.status === "optimal" || this.status === "feasible";
  }

  /** What it costs: the sum of `costs`. */
  get objective(): number {
    return this.#figure(0);
  }

  /** No plan can cost less than this, as far as it is proven. */
  get bound(): number {
    return this.found ? this.#figure(1) : (this.#told.bound ?? -Infinity);
  }

  /** How much better a plan could be at most, as a share of the objective where that is above 1. */
  get gap(): number {
    return this.#figure(2);
  }

  get currency(): string {
    return this.#native.currency();
  }

  /** What it costs, by asset and cause. Causes that cost nothing are not listed. */
  get costs(): readonly CostItem[] {
    return sync(() => this.#native.costs());
  }

  /** Carbon emitted, in g. */
  get carbonG(): number {
    return this.#ofPlan.carbonG;
  }

  /** When each step starts, in microseconds since 1970. */
  get times(): BigInt64Array {
    return this.site.borders.subarray(0, -1);
  }

  /** What each asset, and then each link, does. */
  get parts(): readonly PlanPart[] {
    return (this.#parts ??= sync(() => this.#native.parts()).map((part, at) => new PlanPart(this.#native, at, part)));
  }

  /** What an asset or link does. */
  part(name: string): PlanPart {
    const found = this.parts.find((part) => part.name === name);
    if (found === undefined) {
      throw new NotFoundError(`the plan has no part ${show(name)}, expected one of ${this.parts.map((part) => part.name).join(", ")}`);
    }
    return found;
  }

  [Symbol.iterator](): Iterator<PlanPart> {
    return this.parts[Symbol.iterator]();
  }

  /** What another kWh taken from each bus would cost, one number a step. Empty where the engine could not tell. */
  get prices(): Readonly<Record<string, Float64Array>> {
    return byName(sync(() => this.#native.prices()));
  }

  /** What another kWh in each store at the end of a step is worth. */
  get waterValues(): Readonly<Record<string, Float64Array>> {
    return byName(sync(() => this.#native.waterValues()));
  }

  /** What another kW or kWh of each limit that binds is worth in a step, as `grid.importLimitW`. */
  get shadowPrices(): Readonly<Record<string, Float64Array>> {
    const named = sync(() => this.#native.shadowPrices());
    return byName(named.map(({ name, values }) => ({ name: name.replace(/[^.]*$/, camel), values })));
  }

  /** Wishes and soft limits that were not met. */
  get violations(): readonly Violation[] {
    return this.#ofPlan.violations;
  }

  /** What was changed or assumed in the input. */
  get notices(): readonly string[] {
    return this.#ofPlan.notices;
  }

  /** What memcore's own verifier found. */
  get certificate(): Certificate {
    return this.#ofPlan.certificate;
  }

  /** Which engine made it, and why that one. */
  get engine(): EngineReport {
    return this.#ofPlan.engine;
  }

  /** Of an infeasible site the smallest set of limits that cannot hold together; else empty. */
  get conflict(): readonly ConflictingLimit[] {
    return this.#told.conflict ?? [];
  }

  /** Of an infeasible site the least relaxation that makes a plan possible; else empty. */
  get relaxations(): readonly Relaxation[] {
    return this.#told.relaxations ?? [];
  }

  /** Of an infeasible site the plan that keeps everything but the relaxations: for a person, not for devices. */
  get relaxedPlan(): Plan | undefined {
    const relaxed = sync(() => this.#native.relaxed());
    return relaxed === null ? undefined : new Plan(relaxed, this.site);
  }

  /** What it costs, what was missed and which engine made it; or why there is no plan. */
  explain(): string {
    return sync(() => this.#native.explain());
  }

  /** What a chart of it is drawn from, ready for uPlot and ECharts. */
  chart(): PlanChart {
    return new PlanChart(JSON.parse(sync(() => this.#native.chart())) as ConstructorParameters<typeof PlanChart>[0]);
  }

  /** A row a step as an Arrow IPC stream, for `tableFromIPC` of apache-arrow, DuckDB and others. */
  async toIPC(): Promise<Uint8Array> {
    return settled(this.#native.toIpc());
  }

  /** All of it, in the form of `memcore plan --json`. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(sync(() => this.#native.json())) as Record<string, unknown>;
  }

  #figure(at: number): number {
    return sync(() => this.#native.figures())[at] ?? NaN;
  }

  get #told(): Remarks {
    return (this.#remarks ??= remarks(sync(() => this.#native.remarks())));
  }

  /** What is told of a plan; throws where there is none. */
  get #ofPlan(): Required<Pick<Remarks, "carbonG" | "violations" | "notices" | "certificate" | "engine">> {
    this.#figure(0);
    return this.#told as Required<Remarks>;
  }
}

interface Remarks {
  carbonG?: number;
  violations?: readonly Violation[];
  notices?: readonly string[];
  certificate?: Certificate;
  engine?: EngineReport;
  conflict?: readonly ConflictingLimit[];
  relaxations?: readonly Relaxation[];
  bound?: number;
}

/** In the names of JavaScript: fields, and the limits that are fields of assets; lengths of time in milliseconds. */
function remarks(text: string): Remarks {
  return JSON.parse(text, function (this: Record<string, unknown>, key, value: unknown) {
    if (key === "limit") return camel(value as string);
    if (key.endsWith("_us")) this[key.slice(0, -3)] = (value as number) / 1000;
    else if (key.includes("_")) this[camel(key)] = value;
    else return value;
    return undefined;
  }) as Remarks;
}

function byName(columns: native.NamedColumn[]): Record<string, Float64Array> {
  return Object.fromEntries(columns.map(({ name, values }) => [name, values]));
}

const SOLVE = { engine: oneOf("storage", "modes", "highs", "microlp", "clarabel"), timeLimit: anything, nodeLimit: whole(Number.MAX_SAFE_INTEGER), gap: number };

/** What a plan is made for. It does not change. */
export class Site {
  readonly #native: native.NativePlanSite;
  #borders: BigInt64Array | undefined;

  constructor(options: SiteOptions) {
    // What `fromJSON` has read is not read again.
    this.#native = options instanceof native.NativePlanSite ? options : made(siteText(options));
    natives.set(this, this.#native);
  }

  /**
   * Reads a site's file, as `memcore plan` does: TOML, or JSON where its name ends so. Where a profile may stand, so may a column of
   * a file, the history of a store, or a forecast.
   */
  static async read(path: string): Promise<Site> {
    return new Site((await settled(native.NativePlanSite.read(checkText("Site.read", "path", path)))) as unknown as SiteOptions);
  }

  /** A site out of the text of its file. */
  static fromTOML(toml: string): Site {
    const text = checkText("Site.fromTOML", "toml", toml);
    return new Site(sync(() => native.NativePlanSite.ofToml(text)) as unknown as SiteOptions);
  }

  /** A site out of the JSON form of its file, as `JSON.stringify(site)` writes it: fields are as in the file. */
  static fromJSON(json: string | object): Site {
    const text = checkText("Site.fromJSON", "json", typeof json === "string" ? json : JSON.stringify(json));
    return new Site(made({ text, columns: [] }) as unknown as SiteOptions);
  }

  /** The names of its assets, in the order in which results list them. */
  get names(): readonly string[] {
    return this.#native.names();
  }

  /** The borders of its steps, one more than there are steps, in microseconds since 1970. */
  get borders(): BigInt64Array {
    return (this.#borders ??= this.#native.borders());
  }

  /** When it starts and ends. */
  get range(): { readonly start: Date; readonly end: Date } {
    const borders = this.borders;
    return { start: toDate(borders[0] ?? 0n), end: toDate(borders[borders.length - 1] ?? 0n) };
  }

  /** Checks every field, and says what is assumed or changed. What cannot be meant throws `InvalidError` with its name. */
  check(): string[] {
    return sync(() => this.#native.check());
  }

  /** The best plan, found off Node's thread. That there is none is no error: see `Plan.status`. */
  async solve(options: SolveOptions = {}): Promise<Plan> {
    checkOptions("solve", options, { ...SOLVE, signal });
    options.signal?.throwIfAborted();
    return new Plan(await abortable(settled(this.#native.solve(settings(options))), options.signal), this);
  }

  /** The best plan, found on Node's thread: for sites of microseconds. */
  solveSync(options: Omit<SolveOptions, "signal"> = {}): Plan {
    checkOptions("solveSync", options, SOLVE);
    return new Plan(sync(() => this.#native.solveSync(settings(options))), this);
  }

  /** All of its fields, in the form of a site's file. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(sync(() => this.#native.json())) as Record<string, unknown>;
  }
}

/** How a planner plans. */
export interface PlannerOptions extends Omit<SolveOptions, "signal"> {
  /** Whether a site that goes to HiGHS is solved from the plan before, where it has the same parts and steps. It costs the same, but
   * may be another plan where several are equally good. */
  warmStarts?: boolean;
}

/**
 * Plans one site after the other, as a controller does each quarter of an hour: a plan is what `Site.solve` finds, and memory
 * is kept from one to the next.
 */
export class Planner {
  readonly #native: native.NativePlanner;

  constructor({ warmStarts = false, ...options }: PlannerOptions = {}) {
    checkOptions("Planner", { warmStarts, ...options }, { ...SOLVE, warmStarts: flag });
    this.#native = sync(() => native.NativePlanner.of(settings(options), warmStarts));
  }

  /** The best plan of a site, found off Node's thread. */
  async solve(site: Site): Promise<Plan> {
    const asked = natives.get(site);
    if (asked === undefined) throw new InvalidError(`Planner.solve: site is ${show(site)}, expected a Site`);
    return new Plan(await settled(this.#native.solve(asked)), site);
  }
}

/** How many plans are to be made. */
export interface SolveManyOptions extends Omit<SolveOptions, "signal">, WorkOptions {
  /** As many as the machine has processors unless told. */
  threads?: number;
}

/**
 * The best plans of many sites, in their order, found in parallel off Node's thread. A site that says what it cannot mean rejects
 * with its place. The points of `onProgress` are sites.
 */
export async function solveMany(sites: readonly Site[], options: SolveManyOptions = {}): Promise<Plan[]> {
  checkOptions("solveMany", options, { ...SOLVE, ...WORK, threads: count });
  const asked = sites.map((site) => natives.get(site)).filter((site) => site !== undefined);
  if (asked.length !== sites.length) throw new InvalidError("solveMany: sites are something else, expected an array of Site");
  const { threads } = options;
  const plans = await work(options, (stop, told) => settled(sync(() => native.planMany(asked, settings(options), threads, stop, told))));
  return plans.flatMap((plan, at) => sites.slice(at, at + 1).map((site) => new Plan(plan, site)));
}

/** The native half of each site, for calls with many of them. */
const natives = new WeakMap<Site, native.NativePlanSite>();

function made({ text, columns }: { text: string; columns: Float64Array[] }): native.NativePlanSite {
  return sync(() => native.NativePlanSite.of(text, columns));
}

/** @internal How to solve, as the native half takes it. */
export function settings({ engine, timeLimit, nodeLimit, gap }: SolveOptions): native.SolveSettings {
  return given({ engine, timeLimit: toDuration("timeLimit", timeLimit), nodeLimit, gap });
}
