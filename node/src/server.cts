/** A running server: devices over TLS, live views, commands. */
import native = require("../native.cjs");
import { Alarms } from "./alarms.cjs";
import { Accounts, type Answer, ask, at, items } from "./asked.cjs";
import { said } from "./body.cjs";
import { abortable, settled, sync } from "./call.cjs";
import { type Actor, type ActorOptions, Control, modelOf, type ProposeOptions, type SiteModelLike, type Think, type WishTarget } from "./control.cjs";
import { HemEndpoint, type HemServeOptions } from "./hem.cjs";
import { Memcore } from "./history.cjs";
import { Events, Subscription } from "./live.cjs";
import { address, anything, checkNumber, checkOptions, checkText, count, flag, given, many, number, oneOf, show, signal, text } from "./options.cjs";
import { type Duration, type TimeLike, toDate, toDuration, toMicros } from "./time.cjs";

/** How a server is started. */
export interface ServeOptions {
  /** Where devices connect: `host:port`; port 0 takes a free one. */
  listen?: string;
  /**
   * Serves REST and the operator's page: `host:port`, or true for where the configuration says (`127.0.0.1:8080` unless said
   * otherwise). Without it there is no HTTP; `createRouter` mounts both into an application of your own.
   */
  http?: boolean | string;
  /** The configuration file; the site's own `memcore.toml` unless said otherwise. */
  config?: string;
  /**
   * A site model: its file, its fields, or a `SiteModel`. The server then controls the site. The site's own `control.toml` unless said
   * otherwise, where there is one.
   */
  control?: SiteModelLike;
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
  /** How many points a second it may send, sustained, where that is set for it. */
  pointsPerS?: number;
  /** How many points it may send at once, where that is set for it. */
  burst?: number;
  /** What it may prove itself by, the newest first. */
  proofs: DeviceProof[];
}

/** One proof of a device. After a rotation it has two for a while. */
export interface DeviceProof {
  /** Tells the proofs of a device apart; nothing can be proved with it. */
  id: string;
  kind: "secret" | "certificate";
  /** When it was handed out. */
  issued: Date;
  /** It logs in until then, after a rotation. */
  until: Date | null;
  /** When the certificate itself ends. */
  ends: Date | null;
  /** When the device last logged in with it. */
  lastUsed: Date | null;
}

/** The server's certificate, as it stands. */
export interface ServerCertificate {
  ends: Date | null;
  /** Its SHA-256. */
  fingerprint: string;
  /** Why what lies in its files now is not in use, where that is so. */
  refused: string | null;
}

/** Which entries of the audit trail. */
export interface AuditOptions {
  /** From then on. */
  since?: TimeLike;
  /** About that device. */
  device?: string;
  /** Of that kind, such as `login_refused`. */
  kind?: string;
  /** So many at most, the latest; 1,000 unless said otherwise. */
  limit?: number;
}

/** Which events. */
export interface PastEventsOptions {
  /** From then on. */
  since?: TimeLike;
  kind?: string;
  site?: string;
  device?: string;
  /** So many at most, the latest; 1,000 unless said otherwise. */
  limit?: number;
  /** `local` unless said otherwise. */
  operator?: string;
}

/** One line of the audit trail: who did what, when. What belongs to the kind stands beside, as in the trail. */
export interface AuditEntry {
  readonly number: number;
  readonly time: Date;
  readonly kind: string;
  /** At whose wish: `program`, or a user of the machine such as `uid 1000`. */
  readonly by?: string;
  readonly device?: string;
  readonly previous: string;
  readonly hash: string;
  readonly [detail: string]: unknown;
}

/** Whether the audit trail is whole. */
export interface AuditReport {
  entries: number;
  first: number;
  last: number;
  /** The last line's hash: noted elsewhere, it shows later that the trail up to here is the same. */
  hash: string;
  /** What is wrong; empty where the trail is whole. */
  faults: { file: string; line: number; what: string }[];
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
  /** What holds after the lease; what the channel's rules declare unless said otherwise. */
  fallback?: number;
  /** How long it may wait for its device; 60 s unless said otherwise. */
  expires?: Duration;
  /** Its identity: asking again with the same one has no second effect. */
  id?: string;
  /** At whose wish, for the audit trail; `program` unless said otherwise. */
  by?: string;
  /** For safety: minimum times and ramps of the channel do not hold it back. Only for 0 and for its declared fallback. */
  safety?: boolean;
  /** Gives up waiting for the end; a command that was issued goes on. */
  signal?: AbortSignal;
}

/** How a command ended. */
export type CommandResult = {
  readonly id: string;
  /** What control says to it, where it steers the channel: for how long the wish stands, and what it comes to. */
  readonly note?: string;
} & (
  | { readonly state: "done"; /** The value that the device read back, where it did. */ readonly readBack?: number }
  | { readonly state: "refused"; /** A code of `docs/protocol.md`. */ readonly code: string; readonly reason: string }
  | { /** It was not delivered in time and had no effect. */ readonly state: "expired" }
  | {
      /** Nobody knows whether it had its effect: read the channel before repeating. */
      readonly state: "unknown";
      /** The value that the device read back, where it could still be asked. */
      readonly readBack?: number;
    }
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
  /** Control of the site: how it is, why, wishes and actors. A `NotFoundError` where there is no site model. */
  readonly control: Control;
  /** Users of REST and the page, their roles and tokens. */
  readonly accounts: Accounts;
  /** Alarms, their rules, and who is told. */
  readonly alarms: Alarms;

  /** @internal Made by `serve`. */
  constructor(server: native.NativeServer) {
    this.#native = server;
    this.address = server.address;
    this.port = server.port;
    this.mem = new Memcore(server.history(), true);
    this.control = new Control(server);
    this.accounts = new Accounts(server);
    this.alarms = new Alarms(server);
    running.add(this);
  }

  /** Where a browser finds the page; null where there is no HTTP. */
  get httpUrl(): string | null {
    return this.#native.httpUrl;
  }

  /** The link by which the first admin is made: only while there is no user, good once and for a day. Null otherwise. */
  async firstLink(): Promise<string | null> {
    return settled(this.#native.firstLink());
  }

  /**
   * Asks a route of REST without HTTP, with all rights: `await server.ask("GET", "/operators/local/sites")`. The answer is its JSON;
   * what the route refuses is thrown. `by` stands in the audit trail.
   */
  async ask(method: string, target: string, body?: object, options: { by?: string } = {}): Promise<unknown> {
    checkText("ask", "method", method);
    checkText("ask", "target", target);
    checkOptions("ask", options, { by: text });
    return ask(this.#native, method, target, body === undefined ? undefined : said("ask", body), options.by);
  }

  /** What happened, the newest first: `time_us`, `event`, `device`, and more by kind. */
  async pastEvents(options: PastEventsOptions = {}): Promise<Answer[]> {
    checkOptions("pastEvents", options, { since: anything, kind: text, site: text, device: text, limit: many, operator: text });
    const { kind, site, device, limit = 1000, operator } = options;
    const from = options.since === undefined ? undefined : String(toMicros("pastEvents: since", options.since));
    return items(this.#native, "pastEvents", `${at("pastEvents", operator)}/events`, { from, kind, site, device }, limit);
  }

  /** @internal */
  static native(server: Server): native.NativeServer {
    return server.#native;
  }

  /** Every device that is enrolled or was heard, by name. */
  devices(): DeviceStatus[] {
    const devices = sync(() => this.#native.devices());
    return devices.map(({ lastSeen, proofs, ...rest }) => ({ ...rest, lastSeen: maybeDate(lastSeen), proofs: proofs.map(toProof) }));
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

  /** Enrols many devices at once with secrets; their bundles come in the same order. */
  async enrollMany(devices: readonly string[]): Promise<Bundle[]> {
    for (const [at, device] of devices.entries()) checkText("enrollMany", `devices[${String(at)}]`, device);
    return settled(this.#native.enrollMany([...devices]));
  }

  /**
   * Gives a device a new secret or certificate. The earlier ones log in for the length of `overlap`, 7 days unless said
   * otherwise and `0` for not at all; a session that is open goes on. Where one was stolen, `enroll` anew.
   */
  async rotate(device: string, options: { proof?: "secret" | "certificate"; overlap?: Duration } = {}): Promise<Bundle> {
    checkText("rotate", "device", device);
    const call = `rotate ${show(device)}`;
    checkOptions(call, options, { proof: oneOf("secret", "certificate"), overlap: anything });
    const overlap = toDuration(`${call}: overlap`, options.overlap);
    return settled(this.#native.rotate(device, options.proof ?? "secret", overlap));
  }

  /**
   * Sets how many points a device may send: beyond that it is read more slowly, and loses nothing. Without a rate, what the
   * configuration says for all devices.
   */
  async limit(device: string, rate: { pointsPerS?: number; burst?: number } = {}): Promise<void> {
    checkText("limit", "device", device);
    checkOptions(`limit ${show(device)}`, rate, { pointsPerS: number, burst: number });
    await settled(this.#native.limit(device, rate.pointsPerS, rate.burst));
  }

  /** The server's certificate, as it stands. */
  certificate(): ServerCertificate {
    const { ends, ...rest } = JSON.parse(sync(() => this.#native.certificate())) as { ends: number | null } & Omit<ServerCertificate, "ends">;
    return { ...rest, ends: ends === null ? null : toDate(BigInt(ends)) };
  }

  /** What was done, the oldest first: who enrolled, revoked, logged in and commanded. */
  async audit(options: AuditOptions = {}): Promise<AuditEntry[]> {
    checkOptions("audit", options, { since: anything, device: text, kind: text, limit: count });
    const since = options.since === undefined ? undefined : toMicros("audit: since", options.since);
    const entries = await settled(this.#native.audit(since, options.device, options.kind, options.limit));
    return entries.map((json) => {
      const { time_us: time, ...rest } = JSON.parse(json) as { time_us: number };
      return { ...rest, time: toDate(BigInt(time)) } as unknown as AuditEntry;
    });
  }

  /** Checks that the audit trail is whole. */
  async verifyAudit(): Promise<AuditReport> {
    return JSON.parse(await settled(this.#native.verifyAudit())) as AuditReport;
  }

  /** Ends a device's enrolment, with all its proofs, and its session. */
  async revoke(device: string): Promise<void> {
    checkText("revoke", "device", device);
    await settled(this.#native.revoke(device));
  }

  /** Wishes for a power of what is controlled, or for bounds of it: `{ asset: "battery", powerW: -2000, reason: "it is dear" }`. */
  propose(wish: ProposeOptions): number {
    return this.control.propose(wish);
  }

  /** Takes back what an actor wished for a target, or for all of them, and returns how many wishes stood. */
  withdraw(actor?: string, target?: WishTarget): number {
    return this.control.withdraw(actor, target);
  }

  /** Adds an actor: a function, or something with a method `propose`, that is shown the site and says what it wishes for. */
  actor(name: string, options: ActorOptions, actor: Think | Actor): void {
    this.control.actor(name, options, actor);
  }

  /** Ends an actor, with its wishes. */
  removeActor(name: string): void {
    this.control.removeActor(name);
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
    checkOptions(call, options, { lease: anything, fallback: number, expires: anything, id: text, by: text, safety: flag, signal });
    options.signal?.throwIfAborted();
    const { fallback, id, by, safety } = options;
    const lease = toDuration(`${call}: lease`, options.lease);
    const expires = toDuration(`${call}: expires`, options.expires);
    const command = sync(() => this.#native.command(channel, value, given({ lease, fallback, expires, id, by, safety })));
    const end = await abortable(settled(command.finished()), options.signal, () => {
      command.leave();
    });
    return { id: command.id, ...given({ note: command.note ?? undefined }), ...end } as CommandResult;
  }

  /** Stops: devices are told to come back, what was taken is stored, live views end. Doing it again does nothing. */
  async close(): Promise<void> {
    try {
      await settled(this.#native.close());
    } finally {
      this.control.end();
      clearInterval(this.#alive);
      running.delete(this);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.close();
  }
}

function maybeDate(micros: bigint | undefined): Date | null {
  return micros === undefined ? null : toDate(micros);
}

function toProof({ kind, issued, until, ends, lastUsed, id }: native.DeviceProofState): DeviceProof {
  const dates = { issued: toDate(issued), until: maybeDate(until), ends: maybeDate(ends), lastUsed: maybeDate(lastUsed) };
  return { id, kind: kind as DeviceProof["kind"], ...dates };
}

/** Starts a server on the site in that folder. The first start makes the folder, keys and certificates. */
export async function serve(path: string, options: ServeOptions = {}): Promise<Server> {
  checkText("serve", "path", path);
  checkOptions("serve", options, { listen: text, config: text, control: anything, http: address });
  const { listen, config, control, http } = options;
  const { file, json } = control === undefined ? {} : modelOf("serve: control", control);
  return new Server(await settled(native.serve(path, listen, config, file, json, http)));
}
