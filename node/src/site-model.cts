/** A site as its owner describes it for control: what there is, what each device can do, what is safe for it. */
import native = require("../native.cjs");
import { type Convert, type Fields, list, object, same } from "./assets.cjs";
import { settled, sync } from "./call.cjs";
import { InvalidError } from "./errors.cjs";
import { checkText, show } from "./options.cjs";
import { type Duration, toDuration } from "./time.cjs";

/** What an asset is to its site. */
export type AssetRole = "grid_meter" | "meter" | "pv" | "battery" | "charger" | "heat_pump" | "load" | "genset" | "switch";

/** What a battery stores. */
export interface ModelStorage {
  capacityWh: number;
  /** 0.05 unless told. */
  minSoc?: number;
  /** 1 unless told. */
  maxSoc?: number;
  /** How far beyond a bound is no fault yet; 0.01 unless told. */
  tolerance?: number;
  /** 0.95 unless told, each way. */
  chargeEfficiency?: number;
  dischargeEfficiency?: number;
  wearPerKwh?: number;
}

/** The vehicle of a charger. */
export interface ModelVehicle {
  capacityWh: number;
  /** 0.8 unless told. */
  targetSoc?: number;
  /** When it leaves, by the clock of the site: `07:00`. */
  departure?: string;
  /** 0.9 unless told. */
  chargeEfficiency?: number;
}

/** What a genset costs. */
export interface ModelFuel {
  marginalPerKwh: number;
  noLoadPerH?: number;
  startCost?: number;
}

/** What a heat pump heats: rooms as one thermal mass, or a store of heat. */
export type ModelHeat =
  | {
      building: {
        capacityWhPerK: number;
        lossWPerK: number;
        comfortMinC?: number;
        comfortMaxC?: number;
        gainsW?: number;
        discomfortPerKH?: number;
      };
    }
  | { tank: { capacityWh: number; demandW: number; lossPerHour?: number; emptyC?: number; fullC?: number } };

/** The fields of an asset: powers in W and passive sign, channels as `channel` or `device:channel`. What does not fit its role is refused by `check`. */
export interface ModelAsset {
  /** The circuit that feeds it; the one at the top unless told. */
  circuit?: string;
  /** Called as the asset unless told. */
  device?: string;
  /** The channel of its power; `power` unless told. */
  power?: string;
  /** The channel that takes its setpoint; without one it is not controlled. */
  setpoint?: string;
  phaseSetpoint?: string;
  soc?: string;
  connected?: string;
  /** L1 first. */
  currents?: readonly string[];
  voltage?: string;
  frequency?: string;
  temperature?: string;
  setpointUnit?: "w" | "a" | "on_off";
  /** A battery's `[-5000, 5000]`, an array's `[-8000, 0]`. */
  rangeW?: readonly [number, number];
  /** The least power while it runs, as a positive number. */
  leastW?: number;
  stepW?: number;
  levelsW?: readonly number[];
  rampWPerS?: number;
  minOn?: Duration;
  minOff?: Duration;
  phases?: "l1" | "l2" | "l3" | "three" | "switched";
  volts?: number;
  /** How often its meter reports; silent for three of these is lost. */
  period?: Duration;
  frozenAfter?: Duration;
  /** What holds when nobody decides. */
  safeW?: number;
  assumedW?: number;
  shedOrder?: number;
  storage?: ModelStorage;
  vehicle?: ModelVehicle;
  fuel?: ModelFuel;
  heat?: ModelHeat;
  cop?: number;
}

/** A fuse or feeder with what hangs on it. Limits are positive. */
export interface ModelCircuit {
  /** The circuit that feeds it; at the top unless told. */
  within?: string;
  limitA?: number;
  importLimitW?: number;
  exportLimitW?: number;
  volts?: number;
  phases?: 1 | 3;
  /** The asset that measures all of it. */
  meter?: string;
  /** The share of its limits that is kept free; 0.05 unless told. */
  margin?: number;
}

/** A limit that comes from outside, such as a grid operator's dimming. */
export interface ModelExternal {
  /** `device:channel`: a power that limits, or a state where 1 means that `limitW` holds. */
  signal: string;
  /** What holds while the signal is silent. */
  failsafeW: number;
  limitW?: number;
  /** The grid connection unless told. */
  members?: readonly string[];
  silentAfter?: Duration;
  minDuration?: Duration;
}

/** What energy costs at the grid connection. */
export interface ModelTariff {
  buyPerKwh?: number;
  sellPerKwh?: number;
  buySeries?: string;
  sellSeries?: string;
  demandPerKw?: number;
  demandInterval?: Duration;
}

/** How the site lives without the grid. */
export interface ModelIsland {
  /** `device:channel`: 1 while the grid is there. */
  gridPresent: string;
  forming?: string;
  reserveW?: number;
  reserveSoc?: number;
}

/** How plans are made and followed. */
export interface ModelPlanning {
  every?: Duration;
  ahead?: Duration;
  step?: Duration;
  validFor?: Duration;
  socOff?: number;
  loadOffW?: number;
}

/** What is said of the site itself. */
export interface SiteModelOptions {
  operator?: string;
  /** IANA; `UTC` unless told. */
  zone?: string;
  currency?: string;
  /** How often it is decided; a second unless told. */
  tick?: Duration;
  /** How long a command holds; a minute unless told, and it is renewed after a third of it. */
  lease?: Duration;
}

const length: Convert = (name, value) => toDuration(name, value as Duration);

/** JSON has no other numbers. */
const number: Convert = (name, value) => {
  if (typeof value === "number" && !Number.isFinite(value)) throw new InvalidError(`${name} is ${String(value)}, expected a finite number`);
  return value;
};

/** @internal The fields of each kind of part, with how they are read. */
export const MODEL = {
  storage: {
    capacityWh: number,
    minSoc: number,
    maxSoc: number,
    tolerance: number,
    chargeEfficiency: number,
    dischargeEfficiency: number,
    wearPerKwh: number,
  },
  vehicle: { capacityWh: number, targetSoc: number, departure: same, chargeEfficiency: number },
  fuel: { marginalPerKwh: number, noLoadPerH: number, startCost: number },
  circuit: {
    within: same,
    limitA: number,
    importLimitW: number,
    exportLimitW: number,
    volts: number,
    phases: same,
    meter: same,
    margin: number,
  },
  external: {
    signal: same,
    failsafeW: number,
    limitW: number,
    members: list(same),
    silentAfter: length,
    minDuration: length,
  },
  tariff: { buyPerKwh: number, sellPerKwh: number, buySeries: same, sellSeries: same, demandPerKw: number, demandInterval: length },
  island: { gridPresent: same, forming: same, reserveW: number, reserveSoc: number },
  planning: { every: length, ahead: length, step: length, validFor: length, socOff: number, loadOffW: number },
} satisfies Record<string, Fields>;

/** @internal The fields of an asset. */
export const MODEL_ASSET: Fields = {
  circuit: same,
  device: same,
  power: same,
  setpoint: same,
  phaseSetpoint: same,
  soc: same,
  connected: same,
  currents: list(same),
  voltage: same,
  frequency: same,
  temperature: same,
  setpointUnit: same,
  rangeW: list(number),
  leastW: number,
  stepW: number,
  levelsW: list(number),
  rampWPerS: number,
  minOn: length,
  minOff: length,
  phases: same,
  volts: number,
  period: length,
  frozenAfter: length,
  safeW: number,
  assumedW: number,
  shedOrder: number,
  storage: object(MODEL.storage),
  vehicle: object(MODEL.vehicle),
  fuel: object(MODEL.fuel),
  heat: object({
    building: object({
      capacityWhPerK: number,
      lossWPerK: number,
      comfortMinC: number,
      comfortMaxC: number,
      gainsW: number,
      discomfortPerKH: number,
    }),
    tank: object({ capacityWh: number, demandW: number, lossPerHour: number, emptyC: number, fullC: number }),
  }),
  cop: number,
};

const SITE: Fields = { operator: same, zone: same, currency: same, tick: length, lease: length };

/** The lists and tables of a file. */
interface FileFields extends Record<string, unknown> {
  asset?: unknown[];
  circuit?: unknown[];
  group?: unknown[];
  external?: unknown[];
  strategy?: unknown[];
}

/**
 * A site as its owner describes it: one TOML or JSON file, or the methods that add to it and return it.
 *
 * `String(model)` shows it as a tree; `check` says all that is wrong with it at once.
 *
 * ```js
 * const model = new SiteModel("home1", { zone: "Europe/Berlin" })
 *   .gridMeter("meter")
 *   .battery("battery", { storage: { capacityWh: 10_000 }, rangeW: [-5_000, 5_000], soc: "soc", setpoint: "power" })
 *   .circuit("main", { limitA: 35, meter: "meter" })
 *   .strategy("self_consumption");
 * ```
 */
export class SiteModel {
  #fields: FileFields;
  #native: native.NativeSiteModel | undefined;

  /** Begins a site. */
  constructor(site: string, options: SiteModelOptions = {}) {
    checkText("SiteModel", "site", site);
    this.#fields = { site, ...(object(SITE)("options", options, []) as object) };
  }

  /** Reads a file: TOML, or JSON. What cannot be read is told with its line and place. */
  static async read(path: string): Promise<SiteModel> {
    return SiteModel.#of(await settled(native.NativeSiteModel.read(checkText("SiteModel.read", "path", path))));
  }

  /** A site out of the text of such a file, or of what `JSON.stringify` made of one. */
  static parse(text: string): SiteModel {
    checkText("SiteModel.parse", "text", text);
    return SiteModel.#of(sync(() => native.NativeSiteModel.parse(text)));
  }

  static #of(read: native.NativeSiteModel): SiteModel {
    const fields = JSON.parse(sync(() => read.json())) as FileFields & { site: string };
    const model = new SiteModel(fields.site);
    model.#fields = fields;
    model.#native = read;
    return model;
  }

  /** What the site is called. */
  get site(): string {
    return this.#fields["site"] as string;
  }

  /** Adds an asset of a role. */
  asset(name: string, role: AssetRole, fields: ModelAsset = {}): this {
    return this.#with("asset", name, { role }, MODEL_ASSET, fields);
  }

  /** Adds the meter at the grid connection: positive is import. */
  gridMeter(name: string, fields?: ModelAsset): this {
    return this.asset(name, "grid_meter", fields);
  }

  /** Adds a meter of a circuit within the site. */
  meter(name: string, fields?: ModelAsset): this {
    return this.asset(name, "meter", fields);
  }

  /** Adds a photovoltaic array: `rangeW: [-8000, 0]`. */
  pv(name: string, fields?: ModelAsset): this {
    return this.asset(name, "pv", fields);
  }

  /** Adds a battery, with what it stores and its range. */
  battery(name: string, fields: ModelAsset & Required<Pick<ModelAsset, "storage" | "rangeW">>): this {
    return this.asset(name, "battery", fields);
  }

  /** Adds a charger of vehicles: `rangeW: [0, 11040]`, `leastW: 1380`. */
  charger(name: string, fields?: ModelAsset): this {
    return this.asset(name, "charger", fields);
  }

  /** Adds a heat pump or an electric heater. */
  heatPump(name: string, fields?: ModelAsset): this {
    return this.asset(name, "heat_pump", fields);
  }

  /** Adds a load that is metered, and perhaps limited. */
  load(name: string, fields?: ModelAsset): this {
    return this.asset(name, "load", fields);
  }

  /** Adds a generator that is started and stopped: `rangeW: [-60000, 0]`, `leastW: 18000`. */
  genset(name: string, fields?: ModelAsset): this {
    return this.asset(name, "genset", fields);
  }

  /** Adds a load that is only switched. */
  switch(name: string, fields?: ModelAsset): this {
    return this.asset(name, "switch", fields);
  }

  /** Adds a fuse or feeder, within another or at the top. */
  circuit(name: string, fields: ModelCircuit = {}): this {
    return this.#with("circuit", name, {}, MODEL.circuit, fields);
  }

  /** Adds assets that are wished for together. */
  group(name: string, members: readonly string[], shareBy: "headroom" | "efficiency" | "soc" | "order" = "headroom"): this {
    return this.#with("group", name, { share_by: shareBy }, { members: list(same) }, { members });
  }

  /** Adds a limit that comes from outside. */
  external(name: string, fields: ModelExternal): this {
    return this.#with("external", name, {}, MODEL.external, fields);
  }

  /** Adds a strategy of those that are built in, with its settings as its file has them: `self_consumption`, `{ target_w: 0 }`. */
  strategy(kind: string, settings: Readonly<Record<string, unknown>> = {}): this {
    checkText("strategy", "kind", kind);
    (this.#fields.strategy ??= []).push({ kind, ...settings });
    return this.#changed();
  }

  /** Says what energy costs at the grid connection. */
  tariff(fields: ModelTariff): this {
    return this.#set("tariff", MODEL.tariff, fields);
  }

  /** Says how the site lives without the grid. */
  island(fields: ModelIsland): this {
    return this.#set("island", MODEL.island, fields);
  }

  /** Says how plans are made and followed; none are made without it. */
  planning(fields: ModelPlanning = {}): this {
    return this.#set("planning", MODEL.planning, fields);
  }

  /** Checks all of it, and returns what is odd and may be meant so. What is wrong throws an `InvalidError`: all of it, a line each. */
  check(): string[] {
    const read = this.#made();
    return sync(() => read.check());
  }

  /** All that was said, as TOML. */
  toToml(): string {
    const read = this.#made();
    return sync(() => read.toml());
  }

  /** All that was said, as JSON. */
  toJson(): string {
    const read = this.#made();
    return sync(() => read.json());
  }

  /** All that was said, in the form of its file. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(this.toJson()) as Record<string, unknown>;
  }

  /** Circuits with what is on them, as a tree. */
  toString(): string {
    return this.#made().tree();
  }

  [Symbol.for("nodejs.util.inspect.custom")](): string {
    return this.toString();
  }

  #made(): native.NativeSiteModel {
    return (this.#native ??= sync(() => native.NativeSiteModel.parse(JSON.stringify(this.#fields))));
  }

  #with(part: "asset" | "circuit" | "group" | "external", name: string, told: object, known: Fields, fields: object): this {
    const place = `${part} ${show(name)}`;
    const read = object(known)(place, fields, []) as object;
    (this.#fields[part] ??= []).push({ name, ...told, ...read });
    return this.#changed();
  }

  #set(part: string, known: Fields, fields: object): this {
    this.#fields[part] = object(known)(part, fields, []);
    return this.#changed();
  }

  #changed(): this {
    this.#native = undefined;
    return this;
  }
}
