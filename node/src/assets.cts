/**
 * What a site is made of, as plain objects. Fields are those of a site's file in camelCase, with the unit in their name: power in
 * W, energy in Wh, prices in the site's currency per kWh. A field that is not known is refused by its name.
 */
import { InvalidError } from "./errors.cjs";
import { show } from "./options.cjs";
import { type Duration, type TimeLike, toDuration, toMicros } from "./time.cjs";

/** One number for every step of the horizon, or one per step. */
export type Profile = number | Float64Array | readonly number[];

/** Every asset has a name that no other has, and may be on another bus than `main`. */
interface OnBus {
  name: string;
  /** The bus that it is on; `main` unless told. */
  bus?: string;
}

/** A charge for the highest mean power imported: `perKw * max(0, highest mean - peak so far)`, in kW. */
export interface DemandCharge {
  perKw: number;
  /** Over how long the power is averaged; the steps themselves unless told. */
  interval?: Duration;
  /** It applies in the steps above zero; in all of them unless told. */
  applies?: Profile;
  /** The peak that the billing period has already seen. */
  peakSoFarW?: number;
}

/** A grid connection. */
export interface GridAsset extends OnBus {
  type: "grid";
  /** What a kWh imported costs; may be negative. */
  buyPerKwh: Profile;
  /** What a kWh exported earns; zero unless told. */
  sellPerKwh?: Profile;
  /** No limit unless told. Zero: an island. */
  importLimitW?: Profile;
  exportLimitW?: Profile;
  demandCharges?: readonly DemandCharge[];
  /** Whether import and export exclude each other within a step. True unless told. */
  exclusive?: boolean;
  /** Carbon of an imported kWh, in g. */
  carbonGPerKwh?: Profile;
  /** A cost per (kW)^2 and hour of import and of export, to flatten both. */
  quadraticPerKw2h?: number;
}

/** PV, wind, a river: the plan says how much of it is used and how much curtailed. */
export interface SourceAsset extends OnBus {
  type: "pv" | "source" | "wind";
  /** What it could give. A forecast below zero is clamped to zero and reported. */
  availableW: Profile;
  /** Whether less than what is available may be taken. True unless told. */
  curtailable?: boolean;
  costPerKwh?: number;
  curtailmentPerKwh?: number;
}

/** What is asked of a store at the end of the horizon. */
export type Terminal = "at_least_initial" | "free" | { atLeastWh: number } | { exactlyWh: number } | { valuePerKwh: number };

/** A battery. Charge and discharge are powers on the AC side. */
export interface BatteryAsset extends OnBus {
  type: "battery";
  capacityWh: number;
  chargeLimitW: Profile;
  dischargeLimitW: Profile;
  /** The energy in it when the horizon starts. Outside its bounds is no fault: it recovers as fast as it can. */
  initialWh: number;
  /** The side of the converter on which the limits of power hold; `ac` unless told. */
  limitsAt?: "ac" | "dc";
  /** 0.95 unless told. */
  chargeEfficiency?: number;
  /** 0.95 unless told. */
  dischargeEfficiency?: number;
  selfDischargePerHour?: number;
  /** What a kWh discharged costs in wear. */
  wearPerKwh?: number;
  /** Hard bounds of the energy at the end of each step. */
  minWh?: Profile;
  maxWh?: Profile;
  /** Soft bounds of it. */
  preferredMinWh?: Profile;
  preferredMaxWh?: Profile;
  /** What a kWh outside the preferred bounds costs an hour. */
  preferencePerKwhH?: number;
  /** At least what it started with, unless told. */
  terminal?: Terminal;
  /** Whether charging and discharging exclude each other within a step. True unless told. */
  exclusive?: boolean;
}

/** A time of a vehicle at its charger. */
export interface Session {
  arrival: TimeLike;
  departure: TimeLike;
  /** The energy it comes with, or has now. */
  initialWh?: number;
  /** The energy it must leave with. What cannot be reached is missed by as little as possible and reported. */
  targetWh: number;
  limitWh?: number;
}

/** What a charger can give: nothing, or a power or a current per phase within a band. */
export type Charging =
  | { power: { minW: number; maxW: number } }
  | { current: { minA: number; maxA: number; volts: number; phases: "one" | "three" | "switched" } };

/** An electric vehicle. */
export interface EvAsset extends OnBus {
  type: "ev";
  capacityWh: number;
  sessions: readonly Session[];
  charging: Charging;
  /** 0.9 unless told. */
  chargeEfficiency?: number;
  /** The most that it may give back; nothing unless told. */
  dischargeLimitW?: number;
  dischargeEfficiency?: number;
  wearPerKwh?: number;
  /** What it costs to begin charging after not charging. */
  startCost?: number;
  /** Whether it charges when the horizon starts: to go on is then no start. */
  initiallyCharging?: boolean;
  /** What each kWh missing at a departure costs. */
  shortfallPerKwh?: number;
}

/** A load that must run, but may choose when. */
export interface DeferrableAsset extends OnBus {
  type: "deferrable";
  powerW: number;
  /** What is no whole number of steps is rounded up to one, and reported. */
  runTime: Duration;
  /** The shape of a programme, in place of `powerW`: one number for each step of a run. */
  shapeW?: Float64Array | readonly number[];
  earliest?: TimeLike;
  latest?: TimeLike;
  /** Whether it runs in one go. True unless told. */
  contiguous?: boolean;
  minOn?: Duration;
  startCost?: number;
  shortfallPerH?: number;
  /** Whether it is running when the horizon starts. */
  running?: boolean;
}

/** A store of heat that is drawn from. */
export interface Tank {
  capacityWh: number;
  initialWh: number;
  demandW: Profile;
  lossPerHour?: number;
  minWh?: Profile;
  unmetPerKwh?: number;
  terminal?: Terminal;
}

/** Rooms that are to be kept warm, as one thermal mass. */
export interface Building {
  capacityWhPerK: number;
  lossWPerK: number;
  outdoorC: Profile;
  gainsW?: Profile;
  initialC: number;
  comfortMinC: Profile;
  comfortMaxC?: Profile;
  /** What each kelvin outside comfort costs an hour. */
  discomfortPerKH?: number;
}

/** A heat pump, or a heater, with what it heats. */
export interface HeatPumpAsset extends OnBus {
  type: "heat_pump";
  maxW: Profile;
  /** Heat for each unit of electric energy; 1 for a plain heater. */
  cop: Profile;
  heat: { tank: Tank } | { building: Building };
  minW?: number;
  startCost?: number;
  minOn?: Duration;
  minOff?: Duration;
  initiallyOn?: boolean;
  /** Since when it has run or stood at the horizon's start; longer than any least time unless told. */
  initialSince?: Duration;
}

/** A generator that is started and stopped. */
export interface GensetAsset extends OnBus {
  type: "genset";
  minW: number;
  maxW: number;
  marginalPerKwh: number;
  noLoadPerH?: number;
  startCost?: number;
  stopCost?: number;
  minUp?: Duration;
  minDown?: Duration;
  initiallyOn?: boolean;
  /** Since when it has run or stood at the horizon's start; longer than any least time unless told. */
  initialSince?: Duration;
  rampWPerMin?: number;
  initialW?: number;
  /** It may run in the steps above zero; in all of them unless told. */
  available?: Profile;
  carbonGPerKwh?: number;
}

/** Demand. What is not served is shed, where that is allowed. */
export interface LoadAsset extends OnBus {
  type: "load";
  powerW: Profile;
  /** What each kWh not served costs. Without it and without a priority it may not be shed. */
  valueOfLostLoadPerKwh?: number;
  /** In place of a value: 0 is shed first, 9 last. */
  priority?: number;
  sheddableShare?: number;
}

/** Anything that a site is made of; `type` says which. */
export type Asset = GridAsset | SourceAsset | BatteryAsset | EvAsset | DeferrableAsset | HeatPumpAsset | GensetAsset | LoadAsset;

/** A connection between two buses. */
export interface Link {
  name: string;
  from: string;
  to: string;
  /** The most that may be sent, at the sending end. */
  limitW: Profile;
  reverseLimitW?: Profile;
  /** The share that arrives; 1 unless told. */
  efficiency?: number;
  costPerKwh?: number;
  exclusive?: boolean;
}

/** Spare power that must be ready in every step. */
export interface Reserve {
  upW?: Profile;
  shareOfLoad?: number;
  shareOfSources?: number;
  duration?: Duration;
  shortfallPerKwh?: number;
}

/** The steps of a plan: equal ones, those of a calendar, or given borders. */
export type HorizonLike =
  | { start: TimeLike; step: Duration; steps: number }
  | { start: TimeLike; end: TimeLike; step: Duration; zone?: string }
  | { borders: readonly TimeLike[] };

/** What a plan is made for. */
export interface SiteOptions {
  horizon: HorizonLike;
  assets: readonly Asset[];
  /** The money that every price is in; `EUR` unless told. */
  currency?: string;
  name?: string;
  /** Without any, all assets are on one bus. */
  links?: readonly Link[];
  reserve?: Reserve;
  carbonPricePerKg?: number;
  /** Costs of change from step to step. */
  smoothness?: readonly { asset: string; perKw: number }[];
  /** Costs of leaving the previous plan; NaN where it says nothing. */
  stay?: { perKwh: number; previous: readonly { asset: string; powerW: Float64Array | readonly number[] }[] };
  /** What a kWh costs that was asked for and is missing, where nothing else says. */
  shortagePerKwh?: number;
}

/** @internal Makes of a value what the native half reads: `name` is its place for messages, `columns` takes what is one. */
export type Convert = (name: string, value: unknown, columns: Float64Array[]) => unknown;
/** @internal The fields of an object, with how they are read. */
export type Fields = Readonly<Record<string, Convert>>;

/** @internal What the native half reads as it is. */
export const same: Convert = (_name, value) => value;

const profile: Convert = (name, value, columns) => {
  if (typeof value === "number") return value;
  if (!(value instanceof Float64Array) && !Array.isArray(value)) {
    throw new InvalidError(`${name} is ${show(value)}, expected a number, a Float64Array or an array of numbers`);
  }
  const column = value instanceof Float64Array ? value : Float64Array.from(value as unknown[], (one, at) => numberIn(`${name}[${String(at)}]`, one));
  return { column: columns.push(column) - 1 };
};

function numberIn(name: string, value: unknown): number {
  if (typeof value === "number") return value;
  throw new InvalidError(`${name} is ${show(value)}, expected a number`);
}

const time: Convert = (name, value) => Number(checkedMicros(name, toMicros(name, value as TimeLike)));
const length: Convert = (name, value) => toDuration(name, value as Duration);

/** JSON has numbers of 53 bits: no plan reaches beyond them. */
function checkedMicros(name: string, micros: bigint): bigint {
  if (BigInt.asIntN(54, micros) === micros) return micros;
  throw new InvalidError(`${name} is ${show(micros)}, expected an instant within 285 years of 1970`);
}

/** @internal An array of such values. */
export const list =
  (each: Convert): Convert =>
  (name, value, columns) => {
    if (!Array.isArray(value)) throw new InvalidError(`${name} is ${show(value)}, expected an array`);
    return value.map((item: unknown, at) => each(`${name}[${String(at)}]`, item, columns));
  };

/** @internal An object of those fields; others are refused by name. */
export const object =
  (fields: Fields): Convert =>
  (name, value, columns) => {
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw new InvalidError(`${name} is ${show(value)}, expected an object`);
    }
    const read: Record<string, unknown> = {};
    for (const [field, given] of Object.entries(value)) {
      if (given === undefined) continue;
      const convert = Object.hasOwn(fields, field) ? fields[field] : undefined;
      if (convert === undefined) {
        throw new InvalidError(`${name}.${field} is not known, expected one of ${Object.keys(fields).join(", ")}`);
      }
      read[snake(field)] = convert(`${name}.${field}`, given, columns);
    }
    return read;
  };

const terminal: Convert = (name, value, columns) =>
  typeof value === "string" ? value : object({ atLeastWh: same, exactlyWh: same, valuePerKwh: same })(name, value, columns);

const ON_BUS = { type: same, name: same, bus: same };
const DEMAND_CHARGE = object({ perKw: same, interval: length, applies: profile, peakSoFarW: same });
const SOURCE = { ...ON_BUS, availableW: profile, curtailable: same, costPerKwh: same, curtailmentPerKwh: same };
const SESSION = object({ arrival: time, departure: time, initialWh: same, targetWh: same, limitWh: same });
const CHARGING = object({
  power: object({ minW: same, maxW: same }),
  current: object({ minA: same, maxA: same, volts: same, phases: same }),
});
const TANK = object({
  capacityWh: same,
  initialWh: same,
  demandW: profile,
  lossPerHour: same,
  minWh: profile,
  unmetPerKwh: same,
  terminal,
});
const BUILDING = object({
  capacityWhPerK: same,
  lossWPerK: same,
  outdoorC: profile,
  gainsW: profile,
  initialC: same,
  comfortMinC: profile,
  comfortMaxC: profile,
  discomfortPerKH: same,
});

/** @internal The fields of each type, with how they are read. */
export const ASSETS: Readonly<Record<Asset["type"], Fields>> = {
  grid: {
    ...ON_BUS,
    buyPerKwh: profile,
    sellPerKwh: profile,
    importLimitW: profile,
    exportLimitW: profile,
    demandCharges: list(DEMAND_CHARGE),
    exclusive: same,
    carbonGPerKwh: profile,
    quadraticPerKw2h: same,
  },
  pv: SOURCE,
  source: SOURCE,
  wind: SOURCE,
  battery: {
    ...ON_BUS,
    capacityWh: same,
    chargeLimitW: profile,
    dischargeLimitW: profile,
    initialWh: same,
    limitsAt: same,
    chargeEfficiency: same,
    dischargeEfficiency: same,
    selfDischargePerHour: same,
    wearPerKwh: same,
    minWh: profile,
    maxWh: profile,
    preferredMinWh: profile,
    preferredMaxWh: profile,
    preferencePerKwhH: same,
    terminal,
    exclusive: same,
  },
  ev: {
    ...ON_BUS,
    capacityWh: same,
    sessions: list(SESSION),
    charging: CHARGING,
    chargeEfficiency: same,
    dischargeLimitW: same,
    dischargeEfficiency: same,
    wearPerKwh: same,
    startCost: same,
    initiallyCharging: same,
    shortfallPerKwh: same,
  },
  deferrable: {
    ...ON_BUS,
    powerW: same,
    runTime: length,
    shapeW: profile,
    earliest: time,
    latest: time,
    contiguous: same,
    minOn: length,
    startCost: same,
    shortfallPerH: same,
    running: same,
  },
  heat_pump: {
    ...ON_BUS,
    maxW: profile,
    cop: profile,
    heat: object({ tank: TANK, building: BUILDING }),
    minW: same,
    startCost: same,
    minOn: length,
    minOff: length,
    initiallyOn: same,
    initialSince: length,
  },
  genset: {
    ...ON_BUS,
    minW: same,
    maxW: same,
    marginalPerKwh: same,
    noLoadPerH: same,
    startCost: same,
    stopCost: same,
    minUp: length,
    minDown: length,
    initiallyOn: same,
    initialSince: length,
    rampWPerMin: same,
    initialW: same,
    available: profile,
    carbonGPerKwh: same,
  },
  load: { ...ON_BUS, powerW: profile, valueOfLostLoadPerKwh: same, priority: same, sheddableShare: same },
};

const asset: Convert = (name, value, columns) => {
  const { type, name: called } = (typeof value === "object" && value !== null ? value : {}) as { type?: unknown; name?: unknown };
  const fields = typeof type === "string" && Object.hasOwn(ASSETS, type) ? ASSETS[type as Asset["type"]] : undefined;
  if (fields === undefined) throw new InvalidError(`${name}.type is ${show(type)}, expected one of ${Object.keys(ASSETS).join(", ")}`);
  return object(fields)(typeof called === "string" ? called : name, value, columns);
};

const LINK = object({
  name: same,
  from: same,
  to: same,
  limitW: profile,
  reverseLimitW: profile,
  efficiency: same,
  costPerKwh: same,
  exclusive: same,
});

const SITE: Fields = {
  horizon: object({ start: time, end: time, step: length, steps: same, zone: same, borders: list(time) }),
  assets: list(asset),
  currency: same,
  name: same,
  links: list(LINK),
  reserve: object({ upW: profile, shareOfLoad: same, shareOfSources: same, duration: length, shortfallPerKwh: same }),
  carbonPricePerKg: same,
  smoothness: list(object({ asset: same, perKw: same })),
  stay: object({ perKwh: same, previous: list(object({ asset: same, powerW: profile })) }),
  shortagePerKwh: same,
};

/** @internal A site as the native half takes it: JSON, with its columns beside it. */
export function siteText(options: SiteOptions): { text: string; columns: Float64Array[] } {
  const columns: Float64Array[] = [];
  const read = object(SITE)("site", options, columns) as Record<string, unknown>;
  return { text: JSON.stringify({ currency: "EUR", name: "site", ...read }), columns };
}

/** @internal `buyPerKwh` as `buy_per_kwh`. */
export function snake(name: string): string {
  return name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** @internal `charge_w` as `chargeW`. */
export function camel(name: string): string {
  return name.replace(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase());
}
