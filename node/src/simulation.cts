/** Emulated devices, or recorded telemetry, on the link of a server. */
import native = require("../native.cjs");
import { abortable, settled, sync } from "./call.cjs";
import { InvalidError } from "./errors.cjs";
import { anything, checkOptions, count, given, show, signal, text, whole } from "./options.cjs";
import { Server } from "./server.cjs";
import { type Duration, type TimeLike, toDuration, toMicros } from "./time.cjs";

/** What is simulated. */
export interface SimulateOptions {
  /** How many devices: HEM board, PV, battery, household, EV charger and grid meter of one home after the other; 4 by default. */
  devices?: number;
  /** The same seed gives the same street; 1 by default. */
  seed?: number;
  /** Simulated seconds a second, 1 by default; `null` is as fast as the server takes the data. */
  speed?: number | null;
  /** For how long, in simulated time; until stopped by default. */
  duration?: Duration;
  /** When its time starts: by default now; where its time passes faster than the clock's, so that it ends now. */
  start?: TimeLike;
  /** The step of its time; 1 s by default. */
  step?: Duration;
  /** A CSV file of telemetry, which may be gzipped, to be replayed with its original times instead. */
  replay?: string;
  /** The device that the file is of. */
  device?: string;
  /** The zone of the file's times that have none; UTC by default. */
  tz?: string;
}

/** What a simulation has done. */
export interface SimulationReport {
  devices: number;
  rowsSent: number;
  pointsSent: number;
  /** Rows that the server has not made durable by the end. */
  rowsNotDurable: number;
  /** Parts of messages that the server refused. */
  rejected: number;
  /** Commands that devices carried out. */
  commands: number;
}

const STREET = { devices: count, seed: whole(Number.MAX_SAFE_INTEGER), speed: anything, duration: anything, start: anything, step: anything };
const REPLAY = { replay: text, device: text, tz: text };

/** A simulation that nobody holds goes on: it ends when it is finished or stopped. */
const running = new Set<Simulation>();

/** Devices that are sending. At a server of this process it ends with it; at another's it keeps this process alive. */
export class Simulation {
  readonly #native: native.NativeSimulation;
  readonly #alive: NodeJS.Timeout;

  /** @internal Made by `simulate`. */
  constructor(simulation: native.NativeSimulation, elsewhere: boolean) {
    this.#native = simulation;
    this.#alive = setInterval(() => undefined, 2 ** 31 - 1);
    if (!elsewhere) this.#alive.unref();
    running.add(this);
  }

  /** What it has sent so far. */
  sent(): { rows: number; points: number } {
    return sync(() => this.#native.sent());
  }

  /** Waits until all time has passed, or the file has ended, and all is durable. Settles early where it is stopped. */
  async finish(options: { signal?: AbortSignal } = {}): Promise<SimulationReport> {
    checkOptions("finish", options, { signal });
    options.signal?.throwIfAborted();
    return abortable(this.#ended(this.#native.finish()), options.signal);
  }

  /** Stops sending, waits a moment for what is on its way, and takes leave. Doing it again gives the same report. */
  stop(): Promise<SimulationReport> {
    return this.#ended(this.#native.stop());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.stop();
  }

  async #ended(end: Promise<SimulationReport>): Promise<SimulationReport> {
    try {
      return await settled(end);
    } finally {
      clearInterval(this.#alive);
      running.delete(this);
    }
  }
}

/**
 * Simulates at a server of this process, or at the one that runs on the site in that folder. A device that was enrolled otherwise
 * than by a simulation may be a real one: that is a `ConflictError`; `revoke` it first if an emulated one is to take its place.
 */
export async function simulate(server: Server | string, options: SimulateOptions = {}): Promise<Simulation> {
  const replaying = typeof options === "object" && options.replay !== undefined;
  checkOptions("simulate", options, replaying ? REPLAY : { ...STREET, ...REPLAY });
  const { devices, seed, replay, device, tz } = options;
  const speed = options.speed === null ? undefined : (options.speed ?? 1);
  const start = options.start === undefined ? undefined : toMicros("simulate: start", options.start);
  const duration = toDuration("simulate: duration", options.duration);
  const step = toDuration("simulate: step", options.step);
  const asked = given({ devices, seed, speed, duration, start, step, replay, device, tz });
  if (typeof server === "string") return new Simulation(await settled(native.simulateAt(server, asked)), true);
  if (!(server instanceof Server)) throw new InvalidError(`simulate: server is ${show(server)}, expected a Server or a site's folder`);
  return new Simulation(await settled(sync(() => native.simulateHere(Server.native(server), asked))), false);
}
