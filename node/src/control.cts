/** Control of a site: wishes, actors that are functions or short classes, how it is, and why. */
import { resolve } from "node:path";
import native = require("../native.cjs");
import { camel, snake } from "./assets.cjs";
import { settled, sync } from "./call.cjs";
import { InvalidError } from "./errors.cjs";
import { LiveStream } from "./live.cjs";
import { anything, checkNumber, checkOptions, checkText, given, show, text } from "./options.cjs";
import type { AssetRole } from "./site-model.cjs";
import { type Duration, type TimeLike, toDate, toDuration, toMicros } from "./time.cjs";

/** For whom something is wished: an asset, or all of a role or group together. Exactly one of them. */
export interface WishTarget {
  asset?: string;
  role?: AssetRole;
  group?: string;
}

/**
 * A wish: a power, bounds, or both, in W and passive sign (-2000 lets a battery discharge with 2 kW). A power without bounds is meant
 * exactly, bounds alone leave freedom inside them, and a power with bounds is preferred and may be moved inside them by those who
 * come later.
 */
export interface Wish extends WishTarget {
  powerW?: number;
  lowW?: number;
  highW?: number;
  /** From 1 to 100, the higher one comes first; 50 unless said otherwise. */
  priority?: number;
  /** Why, for people. */
  reason: string;
  /** For how long it stands unless it is renewed, a day at most: a minute, or three of an actor's periods, unless said otherwise. */
  validFor?: Duration;
}

/** A wish of the program itself. */
export interface ProposeOptions extends Wish {
  /** In whose name; `program` unless said otherwise. */
  actor?: string;
}

/** An asset at one moment. What is not known, or too old to stand for the present, is left out. */
export interface AssetView {
  readonly name: string;
  readonly role: AssetRole;
  /** Passive sign. */
  readonly powerW?: number;
  /** State of charge, 0..1. */
  readonly soc?: number;
  /** Whether a vehicle is connected. */
  readonly connected?: boolean;
  /** What was decided last; left out for what is not controlled. */
  readonly decidedW?: number;
  /** What the plan asks of it now. */
  readonly plannedW?: number;
  /** The lowest power that it can take. */
  readonly lowW: number;
  /** The highest power that it can take. */
  readonly highW: number;
}

/** A site at one moment, as an actor sees it. */
export interface View {
  readonly time: Date;
  readonly site: string;
  /** What flows in from the grid; below zero what flows out. Left out where it is not known. */
  readonly gridW?: number;
  /** What energy costs now; left out where that is not known. */
  readonly prices: { readonly buyPerKwh?: number; readonly sellPerKwh?: number };
  /** What the plan asks of its assets now, in W; left out where no plan holds. */
  readonly plan?: Readonly<Record<string, number>>;
  /** The assets by their names, in the order of the model. */
  readonly assets: Readonly<Record<string, AssetView>>;
}

/** What an actor wishes for: nothing, a wish, or several. */
export type Wishes = Wish | readonly Wish[] | null | undefined;

/** An actor as a function: it is shown the site, and says what it wishes for. It cannot command. */
// eslint-disable-next-line @typescript-eslint/no-invalid-void-type -- a function that returns nothing wishes for nothing
export type Think = (view: View) => Wishes | void | Promise<Wishes | void>;

/** An actor as a class. */
export interface Actor {
  propose: Think;
}

/** How an actor is asked. */
export interface ActorOptions {
  /** How often; a minute unless said otherwise. */
  every?: Duration;
  /** An answer that takes longer is dropped; a second unless said otherwise. */
  budget?: Duration;
}

/** The wish that an asset's power follows. */
export interface FollowedWish {
  readonly actor: string;
  readonly priority: number;
  readonly powerW: number;
  readonly reason: string;
}

/** What became of what was ordered. */
export interface OrderState {
  readonly state: "queued" | "sent" | "accepted" | "done" | "refused" | "expired" | "unknown";
  readonly readBack?: number | null;
  readonly code?: string;
  readonly reason?: string;
}

/** What was decided for an asset, and by what. */
export interface Decided {
  readonly time: Date;
  readonly asset: string;
  /** The series that takes the order. */
  readonly target: string;
  readonly powerW: number;
  /** Whose wish that follows; left out for the declared default. */
  readonly wish?: FollowedWish;
  /** The least and the most that was allowed, where something bounds it. */
  readonly lowW?: number;
  readonly highW?: number;
  /** What limited it, in the order in which it did. */
  readonly limits?: readonly { readonly by: string; readonly fromW: number; readonly toW: number }[];
  /** What was measured when it was decided, with its age in milliseconds. */
  readonly inputs?: readonly { readonly series: string; readonly what: string; readonly value: number; readonly age: number }[];
  /** The id of the order that stood then. */
  readonly command?: string;
  readonly answer?: OrderState;
  /** What was not as it should be on the site. */
  readonly faults?: readonly string[];
}

/** Why an asset was as it was at a time. As text it is its `sentence`. */
export class Explanation {
  /** What was asked for. */
  readonly asked: string;
  readonly at: Date;
  /** All of it in a sentence or two, times in the zone of the site. */
  readonly sentence: string;
  /** The decision that stood then; null where control was paused or stopped, or nothing is known. */
  readonly decided: Decided | null;
  /** What became of its order, where that is known. */
  readonly answered: OrderState | null;

  /** @internal */
  constructor(json: string) {
    const told = core(json) as Explanation;
    this.asked = told.asked;
    this.at = told.at;
    this.sentence = told.sentence;
    this.decided = told.decided;
    this.answered = told.answered;
  }

  toString(): string {
    return this.sentence;
  }
}

/** How an asset is. */
export interface AssetStatus {
  readonly asset: string;
  readonly role: AssetRole;
  /** Its power as it was last measured, and how old that is in milliseconds. */
  readonly measuredW: number | null;
  readonly age: number | null;
  /** Whether that still stands for the present. */
  readonly fresh: boolean;
  readonly soc?: number;
  /** What was decided; null for what is not controlled. */
  readonly decidedW: number | null;
  /** Whose wish that follows; left out for the declared default. */
  readonly wish?: FollowedWish;
  /** What limited it, in the words of the site. */
  readonly limitedBy?: readonly string[];
  /** What was last heard of its orders. */
  readonly order?: OrderState;
  /** Until when a person holds it, out of control's reach. */
  readonly heldUntil?: Date;
}

/** What became of a proposal in the last decision. */
export type ProposalStatus = {
  /** The number that `propose` returned; null where it was not taken. */
  readonly id: number | null;
  readonly actor: string;
  readonly target: WishTarget;
} & (
  | { readonly outcome: "granted" | "expired" }
  | { readonly outcome: "limited"; readonly by: string; readonly toW: number }
  | { readonly outcome: "overridden"; readonly by: string }
  | { readonly outcome: "refused"; readonly reason: string }
);

/** How an actor of the program's own is. */
export interface ActorStatus {
  readonly name: string;
  /** Whether it is thinking now. */
  readonly busy: boolean;
  readonly asked: number;
  /** How often it answered in time. */
  readonly answered: number;
  /** How often it did not answer within its budget. */
  readonly overran: number;
  /** Proposals of it that were refused. */
  readonly refused: number;
  /** What is wrong with it. */
  readonly fault?: string;
}

/** How long something took, in milliseconds: half of the times, 99 of 100, and all of them it was less. */
export interface Delays {
  readonly p50: number;
  readonly p99: number;
  readonly max: number;
}

/** How control of a site is. */
export interface ControlStatus {
  readonly time: Date;
  readonly site: string;
  /** The time zone of its people. */
  readonly zone: string;
  /** Whether it orders; false while it is paused. */
  readonly enabled: boolean;
  readonly paused?: { readonly since: Date; readonly by: string };
  /** How often it is decided, in milliseconds. */
  readonly tick: number;
  /** How long an order holds, in milliseconds. */
  readonly lease: number;
  /** How well that is kept. */
  readonly ticks: { readonly count: number; readonly missed: number; readonly late: Delays; readonly took: Delays };
  /** In the order of the model. */
  readonly assets: readonly AssetStatus[];
  readonly proposals: readonly ProposalStatus[];
  /** The plan that holds: when it was made, and until when it may be followed. */
  readonly plan?: { readonly made: Date; readonly validUntil: Date } | null;
  readonly actors: readonly ActorStatus[];
  /** What is not as it should be. */
  readonly faults: readonly string[];
}

/** Something that control did or found. */
export type ControlEvent =
  | { readonly kind: "started" | "stopped"; readonly time: Date }
  | { readonly kind: "paused"; readonly time: Date; readonly since: Date; readonly by: string }
  | { readonly kind: "resumed"; readonly time: Date; readonly by: string }
  | ({ readonly kind: "decided" } & Decided)
  | ({ readonly kind: "answered"; readonly time: Date; readonly asset: string; readonly command: string; readonly value: number } & OrderState)
  | { readonly kind: "planned"; readonly time: Date; readonly news: string }
  | { readonly kind: "faults"; readonly time: Date; readonly faults: readonly string[] };

/** What control does, as it happens. */
export class ControlEvents extends LiveStream<ControlEvent> {
  /** @internal */
  constructor(source: native.NativeControlEvents) {
    super(source, async () => (await settled(source.take())).map((json) => core(json) as ControlEvent));
  }
}

/** A site model: its file (TOML or JSON), its fields, or what a program has built, which says its fields by `toJSON`. */
export type SiteModelLike = string | object;

const TARGET = { asset: text, role: text, group: text };
const WISH = { ...TARGET, powerW: anything, lowW: anything, highW: anything, priority: anything, reason: text, validFor: anything };
const PROGRAM = "program";
const MINUTE = "60s";
const PERIODS = 3;
const DAY = 86_400_000_000;

/** Control of a running server's site: `server.control`. Where there is no site model, all of it is a `NotFoundError`. */
export class Control {
  readonly #native: native.NativeServer;
  readonly #actors = new Map<string, native.NativeWishes>();

  /** @internal */
  constructor(server: native.NativeServer) {
    this.#native = server;
  }

  /**
   * Wishes for a power, or for bounds of it, and returns the wish's number. It is decided about with the next tick, and stands unless
   * the same actor wishes anew for the same target or withdraws it. What became of it is in `status().proposals`.
   */
  propose(wish: ProposeOptions): number {
    checkOptions("propose", wish, { ...WISH, actor: text });
    const { actor = PROGRAM, ...rest } = wish;
    return sync(() => native.propose(this.#native, actor, wished("propose", rest, MINUTE)));
  }

  /** Takes back what an actor wished for a target, or for all of them, and returns how many wishes stood. */
  withdraw(actor: string = PROGRAM, target: WishTarget = {}): number {
    checkText("withdraw", "actor", actor);
    checkOptions("withdraw", target, TARGET);
    const { asset, role, group } = target;
    const one = given({ asset, role, group });
    return sync(() => native.withdraw(this.#native, actor, Object.keys(one).length === 0 ? undefined : one));
  }

  /**
   * Adds an actor: a function that takes a `View`, or something with such a method `propose`; it may be async. Each `every` it is
   * asked. It delays nobody: an answer that takes longer than `budget` is dropped, and one that overruns or throws again and again is
   * asked ever more rarely. What is wrong with it stands in `status().actors`.
   */
  actor(name: string, options: ActorOptions, actor: Think | Actor): void {
    checkText("actor", "name", name);
    const call = `actor ${name}`;
    checkOptions(call, options, { every: anything, budget: anything });
    const every = toDuration(`${call}: every`, options.every) ?? MINUTE;
    const budget = toDuration(`${call}: budget`, options.budget) ?? "1s";
    const { wishes, asked } = asking(name, actor, every);
    sync(() => {
      native.addActor(this.#native, name, every, budget, wishes, asked);
    });
    this.#actors.set(name, wishes);
  }

  /** Ends an actor, with its wishes. What it is thinking about now is dropped. */
  removeActor(name: string): void {
    checkText("removeActor", "name", name);
    sync(() => {
      native.removeActor(this.#native, name);
    });
    this.#actors.get(name)?.dropAll();
    this.#actors.delete(name);
  }

  /** @internal Nobody is waited for any more. */
  end(): void {
    for (const wishes of this.#actors.values()) wishes.dropAll();
    this.#actors.clear();
  }

  /** How control is: what is measured and decided of every asset, who acts, what is wrong. */
  status(): ControlStatus {
    return core(sync(() => native.controlStatus(this.#native))) as ControlStatus;
  }

  /**
   * What was decided of an asset at a time, and why: `battery`, or a series of it such as `home1.battery.power`. `at` is an instant,
   * or text by the clock of the site: `14:05` (the last one), `2026-06-21 14:05`, or so long ago, `10m`. Now unless said otherwise.
   */
  async why(asked: string, options: { at?: TimeLike } = {}): Promise<Explanation> {
    return why(this.#native, asked, options);
  }

  /**
   * Lets control order nothing any more, and tells whether that changed anything. It stays so over a restart. Leases end, or what is
   * safe is told at once where `control.on_stop` says so.
   */
  async pause(): Promise<boolean> {
    return settled(this.#native.enableControl(false));
  }

  /** Lets control go on, and tells whether that changed anything. */
  async resume(): Promise<boolean> {
    return settled(this.#native.enableControl(true));
  }

  /** Follows what control does, from now on: decisions that change, answers of devices, faults. */
  events(): ControlEvents {
    return new ControlEvents(sync(() => native.controlEvents(this.#native)));
  }
}

/** @internal */
export async function why(
  of: { why(asked: string, at?: bigint, said?: string): Promise<string> },
  asked: string,
  options: { at?: TimeLike },
): Promise<Explanation> {
  checkText("why", "asked", asked);
  checkOptions(`why ${show(asked)}`, options, { at: anything });
  const { at } = options;
  const [instant, said] = typeof at === "string" ? [undefined, at] : [at === undefined ? undefined : toMicros("why: at", at), undefined];
  return new Explanation(await settled(of.why(asked, instant, said)));
}

/** @internal The function that the native half calls, and where it answers. */
export function asking(name: string, actor: Think | Actor, every: string): { wishes: native.NativeWishes; asked: (shown: native.Shown) => void } {
  const think = thinking(name, actor);
  const wishes = new native.NativeWishes();
  const validFor = validity(every);
  const answer = async ({ number: question, view }: native.Shown): Promise<void> => {
    try {
      const told = wishesOf(name, await think(viewOf(view)));
      wishes.answer(
        question,
        told.map((wish) => wished(`actor ${name}`, wish, validFor)),
      );
    } catch (thrown) {
      const { name: kind, message } = thrown instanceof Error ? thrown : { name: "", message: String(thrown) };
      wishes.fail(question, kind === "" ? message : `${kind}: ${message}`);
    }
  };
  return { wishes, asked: (shown) => void answer(shown) };
}

function thinking(name: string, actor: unknown): Think {
  if (typeof actor === "function") return actor as Think;
  if (typeof actor === "object" && actor !== null && "propose" in actor && typeof actor.propose === "function") {
    return (view) => (actor as Actor).propose(view);
  }
  throw new InvalidError(`actor ${name} is ${show(actor)}, expected a function, or something with a method propose`);
}

/** Three periods, and a second each at the least: it may miss one, and not hang for long. */
function validity(every: string): string {
  const [, amount, unit] = /^(\d+)([a-z]+)$/.exec(every) ?? [];
  const sizes: Record<string, number> = { us: 1, ms: 1e3, s: 1e6, m: 6e7, min: 6e7, h: 3.6e9, d: DAY };
  const size = unit === undefined ? undefined : sizes[unit];
  if (size === undefined) return MINUTE;
  return `${String(Math.min(PERIODS * Math.max(Number(amount) * size, 1e6), DAY))}us`;
}

function wishesOf(name: string, told: unknown): Wish[] {
  if (told === undefined || told === null) return [];
  const all: unknown[] = Array.isArray(told) ? told : [told];
  for (const one of all) checkOptions(`actor ${name}: a wish`, one, WISH);
  return all as Wish[];
}

function wished(call: string, wish: Wish, standing: string): native.Wished {
  const { asset, role, group, powerW, lowW, highW, priority = 50, reason, validFor } = wish;
  checkText(call, "reason", reason);
  if (!Number.isInteger(priority) || priority < 1 || priority > 100) {
    throw new InvalidError(`${call}: priority is ${show(priority)}, expected 1 to 100`);
  }
  const watts = (name: string, value: unknown): number | undefined => (value === undefined ? undefined : checkNumber(call, name, value));
  const powers = { power: watts("powerW", powerW), low: watts("lowW", lowW), high: watts("highW", highW) };
  return { target: given({ asset, role, group }), ...given(powers), priority, reason, validFor: toDuration(`${call}: validFor`, validFor) ?? standing };
}

interface JsonView {
  time_us: number;
  site: string;
  grid_w: number | null;
  buy_per_kwh: number | null;
  sell_per_kwh: number | null;
  planned: boolean;
  assets: Record<string, unknown>[];
}

/** What is not known is left out: in a comparison it is then not 0, as null would be. */
function viewOf(json: string): View {
  const told = JSON.parse(json) as JsonView;
  const assets = told.assets.map((asset) => known(asset) as unknown as AssetView);
  const planned = assets.flatMap(({ name, plannedW }) => (plannedW === undefined ? [] : [[name, plannedW] as const]));
  return Object.freeze({
    time: toDate(BigInt(told.time_us)),
    site: told.site,
    ...(told.grid_w === null ? {} : { gridW: told.grid_w }),
    prices: known({ buy_per_kwh: told.buy_per_kwh, sell_per_kwh: told.sell_per_kwh }),
    ...(told.planned ? { plan: Object.fromEntries(planned) } : {}),
    assets: Object.fromEntries(assets.map((asset) => [asset.name, asset])),
  });
}

function known(told: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(told).flatMap(([name, value]) => (value === null ? [] : [[camel(name), value]])));
}

const INSTANTS = new Set(["time_us", "since_us", "at_us", "held_until_us", "made_us", "valid_until_us"]);

/** JSON of the core: snake case, instants and lengths in microseconds. */
function core(json: string): unknown {
  const read = (value: unknown): unknown => {
    if (Array.isArray(value)) return value.map(read);
    if (typeof value !== "object" || value === null) return value;
    return Object.fromEntries(Object.entries(value).map(([name, one]) => field(name, one)));
  };
  const field = (name: string, value: unknown): [string, unknown] => {
    if (!name.endsWith("_us") || typeof value !== "number") return [camel(name.replace(/_us$/, "")), read(value)];
    return [camel(name.slice(0, -3)), INSTANTS.has(name) ? toDate(BigInt(value)) : value / 1000];
  };
  return read(JSON.parse(json));
}

/** @internal A site model as its file, or as JSON. */
export function modelOf(call: string, model: unknown): { file?: string; json?: string } {
  if (typeof model === "string") return { file: resolve(model) };
  if (typeof model !== "object" || model === null || Array.isArray(model)) {
    throw new InvalidError(`${call} is ${show(model)}, expected a site model: its file, its fields, or a SiteModel`);
  }
  const { toJSON } = model as { toJSON?: () => unknown };
  const fields: unknown = toJSON === undefined ? model : toJSON.call(model);
  return { json: typeof fields === "string" ? fields : JSON.stringify(snaked(fields)) };
}

function snaked(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snaked);
  if (typeof value !== "object" || value === null) return value;
  return Object.fromEntries(Object.entries(value).map(([name, one]) => [snake(name), snaked(one)]));
}
