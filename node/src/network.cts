/** Power flow for microgrids with a network of their own: nodal prices, voltages, flows. */
import native = require("../native.cjs");
import { type Fields, camel, list, object, same } from "./assets.cjs";
import { abortable, settled, sync } from "./call.cjs";
import { checkOptions, checkText, oneOf, signal } from "./options.cjs";

/** A node of a network. */
export interface NetworkBus {
  name: string;
  /** Nominal voltage between phases. */
  nominalV: number;
  /** Exactly one bus is the reference: its angle is zero, and in a power flow it holds its voltage and gives what is missing. */
  reference?: boolean;
  /** The voltage that the reference holds; 1 unless told. */
  voltagePu?: number;
  /** 0.9 unless told. */
  minPu?: number;
  /** 1.1 unless told. */
  maxPu?: number;
  /** What a shunt draws at nominal voltage. */
  shuntW?: number;
  /** What a shunt feeds in at nominal voltage: capacitors above zero. */
  shuntVar?: number;
}

/** A line or a transformer, per unit of the network's `baseVa` and the nominal voltage of its buses. */
export interface NetworkBranch {
  name: string;
  from: string;
  to: string;
  rPu: number;
  xPu: number;
  /** Charging of the whole branch. */
  bPu?: number;
  /** No limit unless told. */
  ratingVa?: number;
  /** The ratio of the voltages at `from` and behind the transformer; 1 unless told. */
  tap?: number;
  /** By how much the angle behind the transformer lags that at `from`. */
  shiftDeg?: number;
  minAngleDeg?: number;
  maxAngleDeg?: number;
  /** True unless told. */
  inService?: boolean;
}

/** What is drawn from a bus. */
export interface NetworkLoad {
  name: string;
  bus: string;
  powerW: number;
  /** Above zero for motors. */
  reactiveVar?: number;
  /** It must be served unless told. */
  valueOfLostLoadPerKwh?: number;
}

/** What power costs per hour: `perKw2h kW^2 + perKwh kW + perH`, or straight lines between points with slopes that do not fall. */
export type GenerationCost =
  | { polynomial: { perKw2h?: number; perKwh?: number; perH?: number } }
  | { piecewise: { points: readonly { powerW: number; perH: number }[] } };

/** What feeds a bus: a genset, PV that may be curtailed, the grid behind a substation. */
export interface NetworkGenerator {
  name: string;
  bus: string;
  /** 0 unless told; below zero for what may also draw. */
  minW?: number;
  maxW: number;
  minVar?: number;
  maxVar?: number;
  /** What it gives in a power flow; a dispatch decides for itself. */
  powerW?: number;
  reactiveVar?: number;
  /** Nothing unless told. */
  cost?: GenerationCost;
  /** True unless told. */
  inService?: boolean;
}

/** Buses and what joins them, feeds them and loads them. A field that is not known is refused by its name. */
export interface NetworkOptions {
  name?: string;
  /** The power that per-unit impedances are of. */
  baseVa: number;
  buses: readonly NetworkBus[];
  branches?: readonly NetworkBranch[];
  loads?: readonly NetworkLoad[];
  generators?: readonly NetworkGenerator[];
}

/** What solves a dispatch. */
export type NetworkEngine = "highs" | "microlp" | "clarabel";

export interface NetworkSolveOptions {
  /** Picked unless told. */
  engine?: NetworkEngine;
  /** Gives up waiting. */
  signal?: AbortSignal;
}

export interface DcOptions extends NetworkSolveOptions {
  /** `x / (r^2 + x^2)` without taps, as PGLib's published optima have it; or MATPOWER's `1 / (x tap)`. */
  susceptance?: "series" | "reactance";
}

/** What a generator gives. */
export interface GeneratorPower {
  readonly generator: string;
  readonly powerW: number;
  readonly costPerH: number;
}

/** A limit where another kW (per unit of voltage, radian) would save so much an hour. */
export interface BindingLimit {
  readonly part: string;
  /** The field that sets it: `ratingVa`. */
  readonly limit: string;
  readonly worthPerH: number;
}

/** What both kinds of dispatch tell. */
export interface NetworkDispatch {
  readonly status: "optimal";
  readonly costPerH: number;
  /** No dispatch can cost less. */
  readonly boundPerH: number;
  readonly generators: readonly GeneratorPower[];
  readonly shed: readonly { readonly load: string; readonly shedW: number }[];
  readonly binding: readonly BindingLimit[];
  readonly engine: NetworkEngine;
}

/** The cheapest dispatch within the ratings of branches, by the DC approximation. */
export interface DcDispatch extends NetworkDispatch {
  /** The price is what another kWh drawn there would cost. */
  readonly buses: readonly { readonly bus: string; readonly angleDeg: number; readonly pricePerKwh: number }[];
  /** Power from `from` to `to`; the loading is the share of the rating, `null` where there is none. */
  readonly branches: readonly { readonly branch: string; readonly powerW: number; readonly loading: number | null }[];
  /** The largest miss of any balance or limit. */
  readonly largestResidualW: number;
}

export interface BusVoltage {
  readonly bus: string;
  readonly voltagePu: number;
}

/** What enters a branch at the side of the reference, and what is lost in it. */
export interface BranchFlow {
  readonly branch: string;
  readonly powerW: number;
  readonly reactiveVar: number;
  readonly lossW: number;
}

/** The cheapest dispatch of a radial network within its voltage limits, by LinDistFlow. */
export interface VoltageDispatch extends NetworkDispatch {
  /** In the order of `generators`. */
  readonly reactiveVar: readonly number[];
  readonly voltages: readonly BusVoltage[];
  /** In the order of `voltages`. */
  readonly pricesPerKwh: readonly number[];
  readonly branches: readonly BranchFlow[];
}

/** No dispatch keeps all limits. */
export interface NetworkInfeasible {
  readonly status: "infeasible";
  /** The smallest set of limits that cannot hold together. */
  readonly conflict: readonly { readonly part: string; readonly limit: string }[];
  /** The least relaxation that makes a dispatch possible. */
  readonly relaxations: readonly { readonly part: string; readonly limit: string; readonly amount: number; readonly unit: "W" | "deg" | "pu" }[];
  /** Both in a sentence. */
  readonly text: string;
}

/** Voltages and flows of a radial network. */
export interface RadialFlow {
  readonly buses: readonly BusVoltage[];
  readonly branches: readonly BranchFlow[];
  readonly lowest: BusVoltage;
  readonly lossesW: number;
  /** What the reference feeds in. */
  readonly referenceW: number;
  readonly referenceVar: number;
}

/** `collapsed`: loaded beyond what it can carry, so that no voltages fit. */
export type PowerFlow = ({ readonly status: "solved" } & RadialFlow) | { readonly status: "collapsed"; readonly bus: string; readonly sweeps: number };

/** A network. It does not change. */
export class Network {
  readonly #native: native.NativeNetwork;

  constructor(options: NetworkOptions) {
    // What was read is not read again.
    this.#native = options instanceof native.NativeNetwork ? options : made(JSON.stringify(object(NETWORK)("network", options, [])));
  }

  /** Reads a file: a MATPOWER case (version 2), a network that pandapower wrote as JSON, or one of memcore's own JSON. */
  static async read(path: string): Promise<Network> {
    return new Network((await settled(native.NativeNetwork.read(checkText("Network.read", "path", path)))) as unknown as NetworkOptions);
  }

  /** A network out of the text of such a file. */
  static parse(text: string): Network {
    return new Network(made(checkText("Network.parse", "text", text)) as unknown as NetworkOptions);
  }

  /** The cheapest dispatch of the generators within the ratings of branches, with a price at every bus. */
  async dcOpf(options: DcOptions = {}): Promise<DcDispatch | NetworkInfeasible> {
    checkOptions("dcOpf", options, { ...SOLVE, susceptance: oneOf("series", "reactance") });
    const { susceptance, engine } = options;
    return (await this.#answer({ question: "dc_opf", susceptance, engine }, options.signal)) as DcDispatch | NetworkInfeasible;
  }

  /** Voltages, flows and estimated losses of a radial network, by linear equations. */
  async lindistflow(): Promise<RadialFlow> {
    return (await this.#answer({ question: "lindistflow" })) as RadialFlow;
  }

  /** The exact flow of a radial network. */
  async powerFlow(): Promise<PowerFlow> {
    return (await this.#answer({ question: "power_flow" })) as PowerFlow;
  }

  /** The cheapest dispatch of a radial network within the voltage limits of its buses. */
  async voltageOpf(options: NetworkSolveOptions = {}): Promise<VoltageDispatch | NetworkInfeasible> {
    checkOptions("voltageOpf", options, SOLVE);
    return (await this.#answer({ question: "voltage_opf", engine: options.engine }, options.signal)) as VoltageDispatch | NetworkInfeasible;
  }

  /** All of its fields, in the form of a file. */
  toJSON(): Record<string, unknown> {
    return JSON.parse(sync(() => this.#native.json())) as Record<string, unknown>;
  }

  /** Found off Node's thread. */
  async #answer(question: object, signal?: AbortSignal): Promise<unknown> {
    signal?.throwIfAborted();
    return told(await abortable(settled(this.#native.answer(JSON.stringify(question))), signal));
  }
}

const SOLVE = { engine: oneOf("highs", "microlp", "clarabel"), signal };

/** @internal The fields of each kind of part, with how they are read. */
export const PARTS = {
  buses: { name: same, nominalV: same, reference: same, voltagePu: same, minPu: same, maxPu: same, shuntW: same, shuntVar: same },
  branches: {
    name: same,
    from: same,
    to: same,
    rPu: same,
    xPu: same,
    bPu: same,
    ratingVa: same,
    tap: same,
    shiftDeg: same,
    minAngleDeg: same,
    maxAngleDeg: same,
    inService: same,
  },
  loads: { name: same, bus: same, powerW: same, reactiveVar: same, valueOfLostLoadPerKwh: same },
  generators: {
    name: same,
    bus: same,
    minW: same,
    maxW: same,
    minVar: same,
    maxVar: same,
    powerW: same,
    reactiveVar: same,
    cost: object({
      polynomial: object({ perKw2h: same, perKwh: same, perH: same }),
      piecewise: object({ points: list(object({ powerW: same, perH: same })) }),
    }),
    inService: same,
  },
} satisfies Record<string, Fields>;

const NETWORK: Fields = {
  name: same,
  baseVa: same,
  buses: list(object(PARTS.buses)),
  branches: list(object(PARTS.branches)),
  loads: list(object(PARTS.loads)),
  generators: list(object(PARTS.generators)),
};

function made(text: string): native.NativeNetwork {
  return sync(() => native.NativeNetwork.of(text));
}

/** An answer in the names of JavaScript: its fields, and the limits that are fields of parts. */
function told(text: string): unknown {
  return JSON.parse(text, function (this: Record<string, unknown>, key, value: unknown) {
    if (key === "limit") return camel(value as string);
    if (!key.includes("_")) return value;
    this[camel(key)] = value;
    return undefined;
  });
}
