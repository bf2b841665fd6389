/** What is asked of a server in the words of REST, without HTTP: its accounts, and what happened. */
import type native = require("../native.cjs");
import { length, part, said, word } from "./body.cjs";
import { settled } from "./call.cjs";
import { anything, checkOptions, checkText, checkValue, flag, record, text, texts } from "./options.cjs";
import type { Role } from "./router-mount.cjs";
import type { Duration } from "./time.cjs";

/** What a token may at most, whatever its owner may. */
export type Scope = "read" | "command" | "configure" | "admin";

/** What a route answers: objects as REST has them, with `time_us` and so on in microseconds. */
export type Answer = Readonly<Record<string, unknown>>;

/** A route's answer, in pages. */
interface Page {
  items: Answer[];
  next: string | null;
}

/** @internal Asks a route in the name of somebody; a body is JSON. */
export async function ask(server: native.NativeServer, method: string, target: string, body?: string, by = "program"): Promise<unknown> {
  return JSON.parse(await settled(server.ask(by, method, target, body))) as unknown;
}

/** @internal The path of an operator. */
export function at(call: string, operator = "local"): string {
  return `/operators/${part(call, "operator", operator)}`;
}

/** @internal A list, page by page, so much of it at most. */
export async function items(
  server: native.NativeServer,
  call: string,
  path: string,
  asked: Readonly<Record<string, string | undefined>> = {},
  most = 1_000_000,
): Promise<Answer[]> {
  const found: Answer[] = [];
  const query = new URLSearchParams({ limit: String(Math.min(most, 1000)) });
  for (const [name, value] of Object.entries(asked)) if (value !== undefined) query.set(name, word(call, name, value));
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
    return items(this.#server, "users", "/users");
  }

  /**
   * Makes a user, and gives the `link` by which they choose a password: shown once, good once. Roles are by operator, `"*"` for all of
   * them: `{ "*": "viewer", acme: "admin" }`.
   */
  async invite(user: string, roles: Readonly<Record<string, Role>>, options: { displayName?: string } = {}): Promise<Answer> {
    checkText("invite", "user", user);
    checkValue("invite", "roles", roles, record);
    checkOptions("invite", options, { displayName: text });
    const body = said("invite", { user, roles, display_name: options.displayName });
    return (await ask(this.#server, "POST", "/users", body)) as Answer;
  }

  /** Changes what is given; `reset` ends the password and gives a `link` to choose another. */
  async change(user: string, change: { roles?: Readonly<Record<string, Role>>; displayName?: string; disabled?: boolean; reset?: boolean }): Promise<Answer> {
    const path = `/users/${part("change", "user", user)}`;
    checkOptions("change", change, { roles: record, displayName: text, disabled: flag, reset: flag });
    const { displayName, ...rest } = change;
    return (await ask(this.#server, "PATCH", path, said("change", { ...rest, display_name: displayName }))) as Answer;
  }

  /** Removes a user, with their sessions and tokens. */
  async remove(user: string): Promise<void> {
    await ask(this.#server, "DELETE", `/users/${part("remove", "user", user)}`);
  }

  /** The tokens of a user, without their secrets. */
  async tokens(user: string): Promise<Answer[]> {
    return ((await ask(this.#server, "GET", "/tokens?limit=1000", undefined, word("tokens", "user", user))) as Page).items;
  }

  /**
   * Makes a token of a user, and gives it with its `secret`, which is shown once. It goes into `Authorization: Bearer ...`, and may what
   * its owner may, within `scopes` and `operators`; `expires: "90d"` ends it.
   */
  async createToken(user: string, name: string, options: { scopes?: readonly Scope[]; operators?: readonly string[]; expires?: Duration } = {}): Promise<Answer> {
    const by = word("createToken", "user", user);
    checkText("createToken", "name", name);
    checkOptions("createToken", options, { scopes: texts, operators: texts, expires: anything });
    const { scopes = ["read"], operators } = options;
    const expires = length("createToken", "expires", options.expires);
    return (await ask(this.#server, "POST", "/tokens", said("createToken", { name, scopes, operators, expires }), by)) as Answer;
  }

  /** Ends a token, by its `id`. */
  async revokeToken(user: string, token: string): Promise<void> {
    const by = word("revokeToken", "user", user);
    await ask(this.#server, "DELETE", `/tokens/${part("revokeToken", "token", token)}`, undefined, by);
  }
}
