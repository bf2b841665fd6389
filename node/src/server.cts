/** A running server: devices over TLS, live views, commands. */
import native = require("../native.cjs");
import { abortable, settled, sync } from "./call.cjs";
import { HemEndpoint, type HemServeOptions } from "./hem.cjs";
import { Memcore } from "./history.cjs";
import { Events, Subscription } from "./live.cjs";
import { anything, checkNumber, checkOptions, checkText, given, number, oneOf, show, signal, text } from "./options.cjs";
import { type Duration, toDate, toDuration } from "./time.cjs";

/** How a server is started. */
export interface ServeOptions {
  /** Where devices connect: `host:port`; port 0 takes a free one. */
  listen?: string;
  /** The configuration file; the site's own `memcore.toml` unless said otherwise. */
  config?: string;
}

/** What a device is given at its enrolment, in the form of its file: keep it secret. */
export interface Bundle {
  device: string;
  server: string;
  ca_pem: string;
  credential?: string;
  certificate_pem?: string;
  key_pem?: string;
}

/** What is known of a device. */
export interface DeviceStatus {
  device: string;
  /** Whether it has a session now. */
  connected: boolean;
  /** When it was last heard. */
  lastSeen: Date | null;
  /** How many of its channels are registered. */
  channels: number;
  /** How many of its points were taken since the server started. */
  points: number;
}

/** What a server has done since its start. */
export interface ServerStats {
  connected: number;
  pointsTaken: number;
  pointsDurable: number;
  rejected: number;
  commits: number;
}

/** How a command is given. */
export interface CommandOptions {
  /** How long the value holds at the device unless it is refreshed; then the device goes to `fallback` by itself. */
  lease?: Duration;
  /** What holds after the lease. */
  fallback?: number;
  /** How long it may wait for its device; 60 s unless said otherwise. */
  expires?: Duration;
  /** Its identity: asking again with the same one has no second effect. */
  id?: string;
  /** Gives up waiting for the end; a command that was issued goes on. */
  signal?: AbortSignal;
}

/** How a command ended. */
export type CommandResult = { readonly id: string } & (
  | { readonly state: "done"; /** The value that the device read back, where it did. */ readonly readBack?: number }
  | { readonly state: "refused"; /** A code of `docs/protocol.md`. */ readonly code: string; readonly reason: string }
  | { /** It was not delivered in time and had no effect. */ readonly state: "expired" }
  | { /** No answer came: read the channel before repeating. */ readonly state: "unknown" }
);

/** A server that nobody holds goes on: it ends when it is closed. */
const running = new Set<Server>();

/** A running server. It keeps the process alive until it is closed. */
export class Server {
  readonly #native: native.NativeServer;
  readonly #alive = setInterval(() => undefined, 2 ** 31 - 1);
  /** Where devices connect: `host:port`. */
  readonly address: string;
  /** The port of `address`. */
  readonly port: number;
  /** The site's history, to be read and written beside the devices. */
  readonly mem: Memcore;

  /** @internal Made by `serve`. */
  constructor(server: native.NativeServer) {
    this.#native = server;
    this.address = server.address;
    this.port = server.port;
    this.mem = new Memcore(server.history(), true);
    running.add(this);
  }

  /** @internal */
  static native(server: Server): native.NativeServer {
    return server.#native;
  }

  /** Every device that is enrolled or was heard, by name. */
  devices(): DeviceStatus[] {
    const devices = sync(() => this.#native.devices());
    return devices.map(({ lastSeen, ...rest }) => ({ ...rest, lastSeen: lastSeen === undefined ? null : toDate(lastSeen) }));
  }

  /** What the server has done since its start. */
  stats(): ServerStats {
    return sync(() => this.#native.stats());
  }

  /** Enrols a device, which proves itself by a secret unless said otherwise. An earlier enrolment of it ends. */
  async enroll(device: string, options: { proof?: "secret" | "certificate" } = {}): Promise<Bundle> {
    checkText("enroll", "device", device);
    checkOptions(`enroll ${show(device)}`, options, { proof: oneOf("secret", "certificate") });
    return settled(this.#native.enroll(device, options.proof ?? "secret"));
  }

  /** Ends a device's enrolment and its session. */
  async revoke(device: string): Promise<void> {
    checkText("revoke", "device", device);
    await settled(this.#native.revoke(device));
  }

  /**
   * Answers apps that were written for a HEM board, on behalf of a device, until what is returned is closed: they read its
   * `node0.power` and so on, and switch its `node0.switch`.
   */
  async serveHem(device: string, options: HemServeOptions = {}): Promise<HemEndpoint> {
    return HemEndpoint.serve(this.#native, device, options);
  }

  /** Follows the readings of the series that match, from now on. */
  subscribe(pattern: string): Subscription {
    checkText("subscribe", "pattern", pattern);
    return new Subscription(sync(() => this.#native.subscribe(pattern)));
  }

  /** Follows the events of all devices, from now on. */
  events(): Events {
    return new Events(sync(() => this.#native.events()));
  }

  /**
   * Sets a channel, and waits for the command's end. The value is in the base unit and positive where it flows into the
   * device: -2000 discharges a battery with 2 kW. That a device refuses is a result, not an error.
   */
  async command(channel: string, value: number, options: CommandOptions = {}): Promise<CommandResult> {
    checkText("command", "channel", channel);
    const call = `command ${show(channel)}`;
    checkNumber(call, "value", value);
    checkOptions(call, options, { lease: anything, fallback: number, expires: anything, id: text, signal });
    options.signal?.throwIfAborted();
    const { fallback, id } = options;
    const lease = toDuration(`${call}: lease`, options.lease);
    const expires = toDuration(`${call}: expires`, options.expires);
    const command = sync(() => this.#native.command(channel, value, given({ lease, fallback, expires, id })));
    const end = await abortable(settled(command.finished()), options.signal, () => {
      command.leave();
    });
    return { id: command.id, ...end } as CommandResult;
  }

  /** Stops: devices are told to come back, what was taken is stored, live views end. Doing it again does nothing. */
  async close(): Promise<void> {
    try {
      await settled(this.#native.close());
    } finally {
      clearInterval(this.#alive);
      running.delete(this);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

/** Starts a server on the site in that folder. The first start makes the folder, keys and certificates. */
export async function serve(path: string, options: ServeOptions = {}): Promise<Server> {
  checkText("serve", "path", path);
  checkOptions("serve", options, { listen: text, config: text });
  return new Server(await settled(native.serve(path, options.listen, options.config)));
}
