/** The device's side of the link, for a program that is the device. */
import { readFile } from "node:fs/promises";
import native = require("../native.cjs");
import { abortable, settled, sync } from "./call.cjs";
import { type Values, known } from "./columns.cjs";
import { InvalidError } from "./errors.cjs";
import { CHANNEL, type ChannelOptions, described } from "./history.cjs";
import { anything, bytes, callable, checkNumber, checkOptions, checkText, count, flag, given, oneOf, record, show, signal, text } from "./options.cjs";
import { type Bundle } from "./server.cjs";
import { type Duration, type TimeLike, type TimesLike, toDuration, toMicros, toMicrosArray } from "./time.cjs";

/**
 * Carries out a command, in the channel's own unit, and returns what it read back, or nothing for the value itself. Throwing, or
 * rejecting, refuses the command: its `message` is the reason, and its `code`, where it has one, the code.
 */
export type CommandHandler = (channel: string, value: number) => number | undefined | Promise<number | undefined>;

/** Reads a channel back, in its own unit; `null` where it cannot be read. */
export type ReadHandler = (channel: string) => number | null | Promise<number | null>;

/** What a device is and how it keeps its data. */
export interface DeviceOptions {
  /** What it reports and what takes commands. */
  channels: Readonly<Record<string, ChannelOptions>>;
  /**
   * Carries out commands; without one all are refused. While it works the device answers nothing else; after 30 s the outcome
   * is unknown.
   */
  onCommand?: CommandHandler;
  /** Reads channels back after a start, and when a command was interrupted so that nobody knows whether it had its effect. */
  onRead?: ReadHandler;
  /**
   * A folder of this device's own in which it keeps what is not durable, and which commands it has begun, across restarts;
   * without it a backlog in memory ends with the process.
   */
  buffer?: string;
  /** How large the buffer may become; 256 MiB unless said otherwise. */
  bufferBytes?: number;
  /**
   * When the buffer is made safe from a power cut: `each` row, every so often such as `1s`, the default, or `never`. The end of the
   * process alone loses nothing.
   */
  bufferSync?: Duration;
  /**
   * What happens to a row for which there is no room: `drop_oldest` drops the oldest and counts them (the default with a buffer),
   * `wait` lets `send` wait (the default without), `refuse` rejects with `LimitReachedError`.
   */
  whenFull?: "wait" | "refuse" | "drop_oldest";
  /** How many rows a backlog in memory has; 100,000 unless said otherwise. */
  backlogRows?: number;
  /** Where it remembers the commands that it has begun, where that is not the buffer's folder. */
  stateFolder?: string;
  /** Whether to wait until the server has taken the device in; `true` unless said otherwise. */
  wait?: boolean;
  /** Gives up waiting, and the device with it. */
  signal?: AbortSignal;
}

/** Where the link of a device stands. */
export type LinkState =
  | { /** Not connected; trying. */ readonly state: "connecting" }
  | { readonly state: "open"; /** The number of the session. */ readonly epoch: number }
  | { /** It is tried again, rarely. */ readonly state: "refused"; readonly code: string; readonly detail: string }
  | { readonly state: "closed" };

/** How full a device's backlog is, and what it could not keep since the start. */
export interface BufferStatus {
  /** Rows that are kept because they are not durable at the server. */
  readonly rows: number;
  /** Bytes that they take up on disk; 0 for a backlog in memory. */
  readonly bytes: number;
  /** Rows dropped because there was no room. */
  readonly dropped: number;
  /** Rows found damaged on disk; an end that was torn by a crash counts as one. */
  readonly damaged: number;
  /** Why the disk takes nothing at the moment: rows are kept in a small part of memory until it does. */
  readonly fault?: string;
}

/** What is known of the server's clock, in milliseconds. */
export interface ClockOffset {
  /** How far the server's clock is ahead of this computer's. */
  readonly offset: number;
  /** How far that may be off: half of the shortest round trip of late, and 100 millionths of the time since. */
  readonly uncertainty: number;
}

/** One value a channel; what is left out, or `null`, was not measured. */
export type RowValues = Readonly<Record<string, number | null>>;

const OPTIONS = {
  channels: record,
  onCommand: callable,
  onRead: callable,
  buffer: text,
  bufferBytes: bytes,
  bufferSync: anything,
  whenFull: oneOf("wait", "refuse", "drop_oldest"),
  backlogRows: count,
  stateFolder: text,
  wait: flag,
  signal,
};

/** A device that nobody holds goes on: it ends when it is closed. */
const running = new Set<Device>();

/**
 * A device on the link, made by `connect`. It reconnects by itself; what was sent and is not durable yet is kept and sent again.
 * It keeps the process alive until it is closed.
 */
export class Device {
  readonly #native: native.NativeDevice;
  readonly #names: readonly string[];
  readonly #alive = setInterval(() => undefined, 2 ** 31 - 1);

  /** @internal */
  constructor(device: native.NativeDevice, names: readonly string[]) {
    this.#native = device;
    this.#names = names;
    running.add(this);
  }

  /** Where the link stands. */
  get state(): LinkState {
    return sync(() => this.#native.standing()) as LinkState;
  }

  /** How many rows are kept because they are not durable yet. */
  get backlog(): number {
    return this.buffer.rows;
  }

  /** How many rows were dropped since the start because there was no room for them. */
  get dropped(): number {
    return this.buffer.dropped;
  }

  /** The highest number of a row that is durable at the server. */
  get durable(): number {
    return this.#native.durable;
  }

  /** How full the backlog is, what it could not keep, and whether its disk takes what it is given. */
  get buffer(): BufferStatus {
    return sync(() => this.#native.buffer());
  }

  /** How many parts of messages the server refused for good, and the last reason. */
  get rejected(): { readonly count: number; readonly last?: string } {
    return sync(() => this.#native.rejected());
  }

  /** How far the server's clock is ahead of this computer's; nothing before the first contact. */
  get clockOffset(): ClockOffset | undefined {
    const known = sync(() => this.#native.clockOffset());
    return known === null ? undefined : { offset: known.offset / 1000, uncertainty: known.uncertainty / 1000 };
  }

  /** Waits until the server has taken the device in; rejects where it refuses the device. */
  async opened(options: { signal?: AbortSignal } = {}): Promise<void> {
    checkOptions("opened", options, { signal });
    options.signal?.throwIfAborted();
    await abortable(settled(this.#native.opened()), options.signal);
  }

  /** Keeps a row and sends it as soon as the link allows; returns its number. `time` is sent as it is given. */
  async send(time: TimeLike, values: RowValues): Promise<number> {
    return settled(this.#native.send(toMicros("send: time", time), this.#row("send", values)));
  }

  /**
   * As `send`, measured now, by the server's clock as well as it is known here. This computer's clock may be wrong and may jump.
   * Before the first contact the row has this computer's time, which is corrected when it is sent, as long as this process lives.
   */
  async sendNow(values: RowValues): Promise<number> {
    return settled(this.#native.sendNow(this.#row("sendNow", values)));
  }

  /**
   * As `send`, for many rows: a column a channel, each with one value a time; returns the number of the last row. A channel that is
   * left out, `null` and NaN were not measured.
   */
  async sendMany(times: TimesLike, columns: Readonly<Record<string, Values>>): Promise<number | null> {
    const micros = toMicrosArray("sendMany: times", times);
    this.#check("sendMany", "columns", columns);
    const column = (name: string): Float64Array => {
      const values = columns[name];
      return values === undefined ? new Float64Array(micros.length).fill(NaN) : known("sendMany", name, values);
    };
    const all = this.#names.map(column);
    return settled(sync(() => this.#native.sendMany(micros, all)));
  }

  /** Waits until everything sent so far is durable at the server, or was rejected. */
  async flush(options: { signal?: AbortSignal } = {}): Promise<void> {
    checkOptions("flush", options, { signal });
    options.signal?.throwIfAborted();
    await abortable(settled(this.#native.flush()), options.signal);
  }

  /**
   * Takes leave, and takes leased channels to their fallback. What is not durable stays in the `buffer`; without one it is lost with
   * the process: `flush` first. Doing it again does nothing.
   */
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

  /** The values in the order of the channels. */
  #row(call: string, values: RowValues): (number | null)[] {
    this.#check(call, "values", values);
    return this.#names.map((name) => {
      const value = values[name] ?? null;
      return value === null ? null : checkNumber(call, name, value);
    });
  }

  #check(call: string, what: string, values: unknown): void {
    if (typeof values !== "object" || values === null || Array.isArray(values)) {
      throw new InvalidError(`${call}: ${what} are ${show(values)}, expected an object with the channels' names`);
    }
    const unknown = Object.keys(values).find((name) => !this.#names.includes(name));
    if (unknown !== undefined) {
      throw new InvalidError(`${call}: channel ${show(unknown)} is not described, expected ${this.#names.join(", ")}`);
    }
  }
}

/**
 * Connects a device. `bundle` is what `Server.enroll` returned, or the path of the file that `memcore devices enroll` wrote. Waits
 * until the server has taken the device in, unless `wait` is `false`; an unreachable server is waited for.
 */
export async function connect(bundle: Bundle | string, options: DeviceOptions): Promise<Device> {
  checkOptions("connect", options, OPTIONS);
  options.signal?.throwIfAborted();
  const json = typeof bundle === "string" ? await readFile(checkText("connect", "bundle", bundle), "utf8") : JSON.stringify(bundle);
  const names = Object.keys(options.channels);
  const channels = Object.entries(options.channels).map(([name, channel]) => {
    const call = `connect: channel ${show(name)}`;
    checkOptions(call, channel, CHANNEL);
    return described(call, channel);
  });
  const answers = new native.NativeAnswers();
  const started = sync(() => native.startDevice(json, names, channels, settingsOf(options), answers, (asked) => void answer(answers, asked, options)));
  const device = new Device(await settled(started), names);
  try {
    if (options.wait !== false) await device.opened(given({ signal: options.signal }));
  } catch (thrown) {
    await device.close();
    throw thrown;
  }
  return device;
}

function settingsOf(options: DeviceOptions): native.DeviceSettings {
  const { buffer, bufferBytes, whenFull, backlogRows, stateFolder } = options;
  const bufferSync = toDuration("connect: bufferSync", options.bufferSync);
  const handles = { obeys: options.onCommand !== undefined, reads: options.onRead !== undefined };
  return { ...given({ buffer, bufferBytes, bufferSync, whenFull, backlogRows, stateFolder }), ...handles };
}

/** Whatever the program's functions do, there is one answer. */
async function answer(answers: native.NativeAnswers, asked: native.Asked, options: DeviceOptions): Promise<void> {
  const { number: question, channel, value } = asked;
  try {
    const back = value === undefined ? await options.onRead?.(channel) : await options.onCommand?.(channel, value);
    answers.done(question, back === undefined || back === null ? undefined : checkNumber(`answer of ${channel}`, "value", back));
  } catch (thrown) {
    const { code, message }: { code?: unknown; message?: unknown } = typeof thrown === "object" && thrown !== null ? thrown : {};
    const own = typeof code === "string" && /^[A-Za-z0-9_-]{1,64}$/.test(code) ? code : "failed";
    answers.refuse(question, own, typeof message === "string" ? message : String(thrown));
  }
}
