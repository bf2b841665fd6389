/** What is asked of a server in the words of REST, without HTTP: its accounts, its alarms, and what happened. */
import type native = require("../native.cjs");
import { settled } from "./call.cjs";
import { anything, checkOptions, checkText, count, flag, record, text, words } from "./options.cjs";
import type { Role } from "./router-mount.cjs";

/** What a token may at most, whatever its owner may. */
export type Scope = "read" | "command" | "configure" | "admin";

/** What a route answers: objects as REST has them, with `time_us` and so on in microseconds. */
export type Answer = Readonly<Record<string, unknown>>;

/** A route's answer, in pages. */
interface Page {
  items: Answer[];
  next: string | null;
}

/** @internal Asks a route in the name of somebody. */
export async function ask(server: native.NativeServer, method: string, target: string, body?: object, by = "program"): Promise<unknown> {
  return JSON.parse(await settled(server.ask(by, method, target, body === undefined ? undefined : JSON.stringify(body)))) as unknown;
}

const part = encodeURIComponent;

/** @internal A list, page by page, so much of it at most. */
export async function items(server: native.NativeServer, path: string, asked: Readonly<Record<string, string | undefined>>, most = 1_000_000): Promise<Answer[]> {
  const found: Answer[] = [];
  const query = new URLSearchParams({ limit: String(Math.min(most, 1000)) });
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) query.set(name, value);
  for (;;) {
    const page = (await ask(server, "GET", `${path}?${String(query)}`)) as Page;
    found.push(...page.items);
    if (page.next === null || found.length >= most) return found.slice(0, most);
    query.set("cursor", page.next);
  }
}

/** Who may use REST and the page: users, their roles at operators, their tokens. */
export class Accounts {
  readonly #server: native.NativeServer;

  /** @internal */
  constructor(server: native.NativeServer) {
    this.#server = server;
  }

  /** Every user: `user`, `display_name`, `roles` by operator, `disabled`, `last_seen_us`. */
  users(): Promise<Answer[]> {
    return items(this.#server, "/users", {});
  }

  /**
   * Makes a user, and gives the `link` by which they choose a password: shown once, good once. Roles are by operator, `"*"` for all of
   * them: `{ "*": "viewer", acme: "admin" }`.
   */
  async invite(user: string, roles: Readonly<Record<string, Role>>, options: { displayName?: string } = {}): Promise<Answer> {
    checkText("invite", "user", user);
    checkOptions("invite", { roles, ...options }, { roles: record, displayName: text });
    return (await ask(this.#server, "POST", "/users", { user, roles, display_name: options.displayName })) as Answer;
  }

  /** Changes what is given; `reset` ends the password and gives a `link` to choose another. */
  async change(user: string, change: { roles?: Readonly<Record<string, Role>>; displayName?: string; disabled?: boolean; reset?: boolean }): Promise<Answer> {
    checkText("change", "user", user);
    checkOptions("change", change, { roles: record, displayName: text, disabled: flag, reset: flag });
    const { displayName, ...rest } = change;
    return (await ask(this.#server, "PATCH", `/users/${part(user)}`, { ...rest, display_name: displayName })) as Answer;
  }

  /** Removes a user, with their sessions and tokens. */
  async remove(user: string): Promise<void> {
    await ask(this.#server, "DELETE", `/users/${part(checkText("remove", "user", user))}`);
  }

  /** The tokens of a user, without their secrets. */
  async tokens(user: string): Promise<Answer[]> {
    return ((await ask(this.#server, "GET", "/tokens?limit=1000", undefined, checkText("tokens", "user", user))) as Page).items;
  }

  /**
   * Makes a token of a user, and gives it with its `secret`, which is shown once. It goes into `Authorization: Bearer ...`, and may what
   * its owner may, within `scopes` and `operators`; `expires: "90d"` ends it.
   */
  async createToken(user: string, name: string, options: { scopes?: readonly Scope[]; operators?: readonly string[]; expires?: string } = {}): Promise<Answer> {
    checkText("createToken", "user", user);
    checkOptions("createToken", { name, ...options }, { name: text, scopes: words, operators: words, expires: text });
    const { scopes = ["read"], operators, expires } = options;
    return (await ask(this.#server, "POST", "/tokens", { name, scopes, operators, expires }, user)) as Answer;
  }

  /** Ends a token, by its `id`. */
  async revokeToken(user: string, token: string): Promise<void> {
    await ask(this.#server, "DELETE", `/tokens/${part(checkText("revokeToken", "token", token))}`, undefined, checkText("revokeToken", "user", user));
  }
}

/** Which alarms. */
export interface AlarmOptions {
  state?: "raised" | "acknowledged" | "cleared";
  severity?: "info" | "warning" | "critical";
  site?: string;
  /** So many at most, the newest; 1,000 unless said otherwise. */
  limit?: number;
  /** `local` unless said otherwise. */
  operator?: string;
}

/** A rule as REST has it: `{ name, severity, watch: { kind: "threshold", series: "home1.*.power", above: 9000, for: "5m" }, notify }`. */
export interface AlarmRule {
  name: string;
  severity: "info" | "warning" | "critical";
  enabled?: boolean;
  watch: Readonly<Record<string, unknown>> & { kind: string };
  notify?: readonly string[];
  quiet?: Readonly<Record<string, string>> | null;
  remind?: string | null;
}

/** Alarms, their rules, and who is told. */
export class Alarms {
  readonly #server: native.NativeServer;

  /** @internal */
  constructor(server: native.NativeServer) {
    this.#server = server;
  }

  /** Alarms, the newest first: what is seen, where, since when, and who took note of it. */
  async find(options: AlarmOptions = {}): Promise<Answer[]> {
    checkOptions("alarms.find", options, { state: text, severity: text, site: text, limit: count, operator: text });
    const { state, severity, site, limit = 1000, operator } = options;
    return items(this.#server, `${at(operator)}/alarms`, { state, severity, site }, limit);
  }

  /** Says that it is known; who is told of it is not reminded any more. */
  async acknowledge(alarm: string, options: { note?: string; by?: string; operator?: string } = {}): Promise<Answer> {
    checkText("acknowledge", "alarm", alarm);
    checkOptions("acknowledge", options, { note: text, by: text, operator: text });
    const path = `${at(options.operator)}/alarms/${part(alarm)}/acknowledgement`;
    return (await ask(this.#server, "POST", path, { note: options.note ?? null }, options.by)) as Answer;
  }

  /** What is watched; what comes with memcore is `built_in`. */
  async rules(options: { operator?: string } = {}): Promise<Answer[]> {
    checkOptions("alarms.rules", options, { operator: text });
    return items(this.#server, `${at(options.operator)}/alarm-rules`, {});
  }

  /** Watches something from now on, and gives the rule with its `id`. */
  async addRule(rule: AlarmRule, options: { operator?: string } = {}): Promise<Answer> {
    checkOptions("addRule", rule, { name: text, severity: text, enabled: flag, watch: record, notify: words, quiet: anything, remind: anything });
    checkOptions("addRule", options, { operator: text });
    return (await ask(this.#server, "POST", `${at(options.operator)}/alarm-rules`, { enabled: true, ...rule })) as Answer;
  }

  /** Watches it no longer; its alarms clear. */
  async removeRule(rule: string, options: { operator?: string } = {}): Promise<void> {
    checkOptions("removeRule", options, { operator: text });
    await ask(this.#server, "DELETE", `${at(options.operator)}/alarm-rules/${part(checkText("removeRule", "rule", rule))}`);
  }
}

function at(operator = "local"): string {
  return `/operators/${part(operator)}`;
}
