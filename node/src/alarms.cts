/** Alarms of a server: what holds, as it changes, what is watched, and who is told. */
import native = require("../native.cjs");
import { type Answer, ask, at, items } from "./asked.cjs";
import { length, part, said, word } from "./body.cjs";
import { settled, sync } from "./call.cjs";
import { LiveStream } from "./live.cjs";
import { anything, checkOptions, flag, given, many, record, text, texts } from "./options.cjs";
import type { Duration } from "./time.cjs";

/** How bad it is. */
export type Severity = "info" | "warning" | "critical";

/** What a rule has found, where, since when, and who has taken note of it: as REST has it, with instants in microseconds. */
export type Alarm = Answer & {
  readonly id: string;
  readonly operator: string;
  readonly rule: string;
  readonly rule_name: string;
  readonly kind: string;
  readonly severity: Severity;
  readonly site: string | null;
  /** What it is about: a series, a device, a site, or `server`. */
  readonly subject: string;
  readonly state: "raised" | "acknowledged" | "cleared";
  readonly value: number | null;
  readonly limit: number | null;
  readonly unit: string | null;
  readonly message: string;
  readonly raised_us: number;
  readonly last_raised_us: number;
  /** How often it was raised, without a calm between. */
  readonly count: number;
  readonly cleared_us: number | null;
  readonly acknowledged: { readonly by: string; readonly at_us: number; readonly note: string | null } | null;
};

/** An alarm as it has become. */
export type AlarmChange = Alarm & {
  /** What became of it: `counted` is that it comes and goes. */
  readonly what: "raised" | "raised_again" | "counted" | "acknowledged" | "cleared";
};

/** What becomes of the alarms of an operator, in order. `lost` counts changes of all operators, and is known once the next one was taken. */
export class AlarmChanges extends LiveStream<AlarmChange> {
  /** @internal */
  constructor(source: native.NativeAlarmChanges) {
    super(source, async () => (await settled(source.take())).map((json) => JSON.parse(json) as AlarmChange));
  }
}

/** Which alarms. */
export interface AlarmOptions {
  state?: "raised" | "acknowledged" | "cleared";
  severity?: Severity;
  site?: string;
  /** So many at most, the newest; 1,000 unless said otherwise. */
  limit?: number;
  /** `local` unless said otherwise. */
  operator?: string;
}

/** A rule as REST has it: `{ name, severity, watch: { kind: "threshold", series: "home1.*.power", above: 9000, for: "5m" }, notify }`. */
export interface AlarmRule {
  name: string;
  severity: Severity;
  enabled?: boolean;
  watch: Readonly<Record<string, unknown>> & { kind: string };
  /** Notifiers that are told, by their ids. */
  notify?: readonly string[];
  /** When nobody is told: `{ from: "22:00", to: "07:00", zone: "Europe/Berlin", lets_through: "critical" }`. */
  quiet?: Readonly<Record<string, string>> | null;
  /** How often they are told again while nobody has acknowledged. */
  remind?: Duration | null;
}

/** Who can be told, as REST has it. */
export type NotifierSettings =
  | { kind: "email"; name: string; to: readonly string[]; enabled?: boolean }
  | { kind: "webhook"; name: string; url: string; /** With which each message is signed. */ secret?: string; enabled?: boolean };

interface Whose {
  /** `local` unless said otherwise. */
  operator?: string;
}

const WHOSE = { operator: text };
const RULE = { name: text, severity: text, enabled: flag, watch: record, notify: texts, quiet: anything, remind: anything };
const NOTIFIER = { kind: text, name: text, to: texts, url: text, secret: text, enabled: flag };

/** Alarms, their rules, and who is told. */
export class Alarms {
  readonly #server: native.NativeServer;

  /** @internal */
  constructor(server: native.NativeServer) {
    this.#server = server;
  }

  /** Alarms, the newest first: what is seen, where, since when, and who took note of it. */
  async find(options: AlarmOptions = {}): Promise<Alarm[]> {
    checkOptions("alarms.find", options, { state: text, severity: text, site: text, limit: many, ...WHOSE });
    const { state, severity, site, limit = 1000, operator } = options;
    return (await items(this.#server, "alarms.find", `${at("alarms.find", operator)}/alarms`, { state, severity, site }, limit)) as Alarm[];
  }

  /** Follows what becomes of alarms, from now on: raised, acknowledged, cleared. */
  subscribe(options: Whose = {}): AlarmChanges {
    checkOptions("alarms.subscribe", options, WHOSE);
    const operator = word("alarms.subscribe", "operator", options.operator ?? "local");
    return new AlarmChanges(sync(() => native.alarmChanges(this.#server, operator)));
  }

  /** Says that it is known; who is told of it is not reminded any more. */
  async acknowledge(alarm: string, options: Whose & { note?: string; by?: string } = {}): Promise<Alarm> {
    checkOptions("acknowledge", options, { note: text, by: text, ...WHOSE });
    const path = `${at("acknowledge", options.operator)}/alarms/${part("acknowledge", "alarm", alarm)}/acknowledgement`;
    return (await ask(this.#server, "POST", path, said("acknowledge", { note: options.note ?? null }), options.by)) as Alarm;
  }

  /** What is watched; what comes with memcore is `built_in`. */
  async rules(options: Whose = {}): Promise<Answer[]> {
    checkOptions("alarms.rules", options, WHOSE);
    return items(this.#server, "alarms.rules", `${at("alarms.rules", options.operator)}/alarm-rules`);
  }

  /** Watches something from now on, and gives the rule with its `id`. */
  async addRule(rule: AlarmRule, options: Whose = {}): Promise<Answer> {
    const body = said("addRule", { enabled: true, ...ruleOf("addRule", rule) });
    checkOptions("addRule", options, WHOSE);
    return (await ask(this.#server, "POST", `${at("addRule", options.operator)}/alarm-rules`, body)) as Answer;
  }

  /** Changes what is given of a rule, and gives it as it is then; `quiet: null` and `remind: null` take these away. */
  async changeRule(rule: string, change: Partial<AlarmRule>, options: Whose = {}): Promise<Answer> {
    const changes = ruleOf("changeRule", change);
    checkOptions("changeRule", options, WHOSE);
    const path = `${at("changeRule", options.operator)}/alarm-rules/${part("changeRule", "rule", rule)}`;
    const kept = pick((await ask(this.#server, "GET", path)) as Answer, Object.keys(RULE));
    return (await ask(this.#server, "PUT", path, said("changeRule", { ...kept, ...changes }))) as Answer;
  }

  /** Watches it no longer; its alarms clear. What comes with memcore is switched off instead. */
  async removeRule(rule: string, options: Whose = {}): Promise<void> {
    checkOptions("removeRule", options, WHOSE);
    await ask(this.#server, "DELETE", `${at("removeRule", options.operator)}/alarm-rules/${part("removeRule", "rule", rule)}`);
  }

  /** Who can be told, and how it went: `last_sent_us`, `last_problem`, and how many are `waiting`. */
  async notifiers(options: Whose = {}): Promise<Answer[]> {
    checkOptions("notifiers", options, WHOSE);
    return items(this.#server, "notifiers", `${at("notifiers", options.operator)}/notifiers`);
  }

  /** Makes somebody known who can be told, and gives the notifier with its `id`, which rules name. */
  async addNotifier(notifier: NotifierSettings, options: Whose = {}): Promise<Answer> {
    checkOptions("addNotifier", notifier, NOTIFIER);
    checkOptions("addNotifier", options, WHOSE);
    return (await ask(this.#server, "POST", `${at("addNotifier", options.operator)}/notifiers`, said("addNotifier", notifier))) as Answer;
  }

  /** Makes it another. A webhook keeps its secret, unless one is given. */
  async changeNotifier(id: string, notifier: NotifierSettings, options: Whose = {}): Promise<Answer> {
    checkOptions("changeNotifier", notifier, NOTIFIER);
    checkOptions("changeNotifier", options, WHOSE);
    const path = `${at("changeNotifier", options.operator)}/notifiers/${part("changeNotifier", "id", id)}`;
    return (await ask(this.#server, "PUT", path, said("changeNotifier", notifier))) as Answer;
  }

  /** Tells them nothing any more. Rules that name them do so no longer. */
  async removeNotifier(id: string, options: Whose = {}): Promise<void> {
    checkOptions("removeNotifier", options, WHOSE);
    await ask(this.#server, "DELETE", `${at("removeNotifier", options.operator)}/notifiers/${part("removeNotifier", "id", id)}`);
  }

  /** Tells a test message now, whatever the hour, and gives why it could not be told; null where it was. */
  async testNotifier(id: string, options: Whose = {}): Promise<string | null> {
    checkOptions("testNotifier", options, WHOSE);
    const path = `${at("testNotifier", options.operator)}/notifiers/${part("testNotifier", "id", id)}/test`;
    return ((await ask(this.#server, "POST", path)) as { problem: string | null }).problem;
  }
}

/** What is said of a rule, as REST has it. */
function ruleOf(call: string, rule: Partial<AlarmRule>): Answer {
  checkOptions(call, rule, RULE);
  const { remind, ...rest } = rule;
  return given({ ...rest, remind: remind === null ? null : length(call, "remind", remind) });
}

function pick(answer: Answer, names: readonly string[]): Answer {
  return Object.fromEntries(Object.entries(answer).filter(([name]) => names.includes(name)));
}
