/** HEM boards: one that is polled as a device, an endpoint for apps that were written for one, and an emulated one. */
import { readFile } from "node:fs/promises";
import native = require("../native.cjs");
import { settled, sync } from "./call.cjs";
import { anything, bytes, checkOptions, checkText, flag, given, oneOf, record, show, text } from "./options.cjs";
import type { Bundle } from "./server.cjs";
import { type Duration, toDuration } from "./time.cjs";
import { InvalidError } from "./errors.cjs";

/** What a board can be asked for: the names of its channels after `node0.`. */
export type HemQuantity = "power" | "voltage" | "current" | "energy" | "charge" | "ac_power" | "ac_voltage" | "switch";

/** How it stands with a board: not answered yet, answering, silent, not to be polled, closed. */
export type HemBoardState = "seeking" | "answering" | "away" | `failed: ${string}` | "closed";

/** How a board is polled. */
export interface HemBoardOptions {
  /** From one round of questions to the next; 1 s unless said otherwise. */
  every?: Duration;
  /** What it is asked for; found out unless it is named. */
  quantities?: readonly HemQuantity[];
  /** The unit of its energy counters, which boards do not tell; Wh. */
  energyUnit?: string;
  /** The unit of its charge counters, which boards do not tell; Ah. */
  chargeUnit?: string;
  /** A folder of its own in which it keeps, across restarts, what the server does not have yet; in memory without one. */
  buffer?: string;
  /** Waits until the board has answered and the server has taken it in; true unless said otherwise. */
  wait?: boolean;
}

/** Where an endpoint answers. */
export interface HemServeOptions {
  /** `host:port`; 127.0.0.1:9931 unless said otherwise, port 0 takes a free one. */
  listen?: string;
  /** Takes an address that others can reach: the protocol has no passwords, and whoever reaches it can switch. */
  allowNetwork?: boolean;
}

/** Where an emulated board listens, and how it behaves. */
export interface HemEmulatorOptions extends HemServeOptions {
  /** The same seed gives the same board; 1 unless said otherwise. */
  seed?: number;
  /** How often it measures; 1 s unless said otherwise. */
  step?: Duration;
}

const QUANTITIES = oneOf("power", "voltage", "current", "energy", "charge", "ac_power", "ac_voltage", "switch");
const LISTEN = { listen: text, allowNetwork: flag };

/** A HEM board that is polled over UDP and is a device of a server: `node0.power` to `node7.switch`. */
export class HemBoard {
  readonly #native: native.NativeHemBoard;
  readonly #alive = setInterval(() => undefined, 2 ** 31 - 1);

  private constructor(board: native.NativeHemBoard) {
    this.#native = board;
  }

  /**
   * Polls the board at `host` or `host:port` (9931 without one) as the device of a bundle: what `enroll` returned, or the path of
   * the file that `memcore devices enroll` wrote.
   */
  static async connect(address: string, bundle: Bundle | string, options: HemBoardOptions = {}): Promise<HemBoard> {
    checkText("HemBoard.connect", "address", address);
    const call = `HemBoard.connect ${show(address)}`;
    const known = { every: anything, quantities: anything, energyUnit: text, chargeUnit: text, buffer: text, wait: flag };
    checkOptions(call, options, known);
    const quantities = options.quantities === undefined ? undefined : [...options.quantities];
    for (const quantity of quantities ?? []) {
      const expected = QUANTITIES(quantity);
      if (expected !== undefined) throw new InvalidError(`${call}: quantities has ${show(quantity)}, expected ${expected}`);
    }
    const { energyUnit, chargeUnit, buffer, wait } = options;
    const every = toDuration(`${call}: every`, options.every);
    const atOnce = wait === undefined ? undefined : !wait;
    const proof = await bundleOf(call, bundle);
    const asked = given({ every, quantities, energyUnit, chargeUnit, buffer, atOnce });
    return new HemBoard(await settled(native.connectHem(address, proof, asked)));
  }

  /** How it stands with the board. */
  get state(): HemBoardState {
    return sync(() => this.#native.state) as HemBoardState;
  }

  /** Takes leased nodes to their fallback, takes leave, and stops polling. Doing it again does nothing. */
  async close(): Promise<void> {
    clearInterval(this.#alive);
    await settled(this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

async function bundleOf(call: string, bundle: unknown): Promise<native.DeviceBundle> {
  const read: unknown = typeof bundle === "string" ? JSON.parse(await readFile(bundle, "utf8")) : bundle;
  const expected = record(read);
  if (expected !== undefined) throw new InvalidError(`${call}: bundle is ${show(read)}, expected ${expected} or the path of its file`);
  const given = read as Bundle;
  const device = { device: given.device, server: given.server, ca_pem: given.ca_pem };
  return {
    ...device,
    ...(given.credential === undefined ? {} : { credential: given.credential }),
    ...(given.certificate_pem === undefined ? {} : { certificate_pem: given.certificate_pem }),
    ...(given.key_pem === undefined ? {} : { key_pem: given.key_pem }),
  };
}

/** Answers apps that were written for a HEM board. It ends with its server, or when it is closed. */
export class HemEndpoint {
  readonly #native: native.NativeHemEndpoint;
  /** Where it listens: `host:port`. */
  readonly address: string;

  private constructor(endpoint: native.NativeHemEndpoint) {
    this.#native = endpoint;
    this.address = endpoint.address;
  }

  /** @internal Made by `Server.serveHem`. */
  static async serve(server: native.NativeServer, device: string, options: HemServeOptions): Promise<HemEndpoint> {
    checkText("serveHem", "device", device);
    checkOptions(`serveHem ${show(device)}`, options, LISTEN);
    const { listen, allowNetwork } = options;
    return new HemEndpoint(await settled(sync(() => native.serveHem(server, device, given({ listen, allowNetwork })))));
  }

  /** Stops answering. Doing it again does nothing. */
  async close(): Promise<void> {
    await settled(this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** A HEM board for those who have none: eight feeders that behave like real ones, on a UDP port. */
export class HemEmulator {
  readonly #native: native.NativeHemEmulator;
  readonly #alive = setInterval(() => undefined, 2 ** 31 - 1);
  /** Where it listens: `host:port`. */
  readonly address: string;

  private constructor(emulator: native.NativeHemEmulator) {
    this.#native = emulator;
    this.address = emulator.address;
  }

  /** Starts a board. */
  static async start(options: HemEmulatorOptions = {}): Promise<HemEmulator> {
    checkOptions("HemEmulator.start", options, { ...LISTEN, seed: bytes, step: anything });
    const { listen, allowNetwork, seed } = options;
    const step = toDuration("HemEmulator.start: step", options.step);
    return new HemEmulator(await settled(native.emulateHem(given({ listen, allowNetwork, seed, step }))));
  }

  /** Pulls its plug. Doing it again does nothing. */
  async close(): Promise<void> {
    clearInterval(this.#alive);
    await settled(this.#native.close());
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}
