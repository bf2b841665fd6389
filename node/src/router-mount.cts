/** What all ways into the router share: where it is mounted, who asks, and how a request is refused. */
import type { IncomingMessage } from "node:http";
import type native = require("../native.cjs");
import { sync } from "./call.cjs";
import { InvalidError, MemcoreError } from "./errors.cjs";
import { show } from "./options.cjs";

/** What a person may at an operator; each includes those before it. */
export type Role = "viewer" | "operator" | "engineer" | "admin";

/** Whom your application vouches for. */
export interface HostUser {
  /** The name, such as an address of e-mail: it stands in the audit trail. */
  user: string;
  /** Roles by operator; `"*"` is all operators: `{ "*": "viewer", acme: "admin" }`. */
  roles: Record<string, Role>;
}

/**
 * Says who asks. It is shown Node's request, or the one that `fetch` was given, and what the framework knows beside: Fastify's own
 * request, or the second argument of `fetch`. Nobody is `null`: then memcore's own accounts count, a session or a token.
 */
export type Authenticate = (request: IncomingMessage | Request, framework?: unknown) => HostUser | null | undefined | Promise<HostUser | null | undefined>;

/** What all ways in share. */
export interface Mounted {
  readonly prefix: string;
  readonly authenticate: Authenticate | undefined;
  readonly router: () => Promise<native.NativeRouter>;
}

/** Where the router is mounted, and what was asked for in full. */
export interface Place {
  base: string;
  whole: string;
}

/** A request that is not answered by the API, with the status that it gets. */
export class Refused extends Error {
  constructor(
    readonly status: number,
    readonly title: string,
    readonly code: string,
    detail: string,
  ) {
    super(detail);
  }

  /** What went wrong on our side is not told to the client. */
  static of(error: unknown): Refused {
    return error instanceof Refused ? error : new Refused(500, "Internal Server Error", "INTERNAL", "the application could not answer");
  }

  /** As the API says it. */
  problem(): string {
    const { status, title, code, message: detail } = this;
    return JSON.stringify({ status, title, detail, code });
  }
}

/** Who asks, as the addon takes it. */
export async function caller(mounted: Mounted, request: IncomingMessage | Request, framework: unknown): Promise<native.HostUser | undefined> {
  const who = await mounted.authenticate?.(request, framework);
  if (who === null || who === undefined) return undefined;
  const { user, roles } = who as Partial<HostUser>;
  if (typeof user !== "string" || typeof roles !== "object") {
    throw new InvalidError(`authenticate: the answer is ${show(who)}, expected { user, roles } or null`);
  }
  return { user, roles };
}

/** The path and query below the prefix, or nothing where the path is not below it. */
export function below(base: string, whole: string): string | undefined {
  if (base === "") return whole;
  if (!whole.startsWith(base)) return undefined;
  const rest = whole.slice(base.length);
  if (rest.startsWith("/")) return rest;
  return rest === "" || rest.startsWith("?") ? `/${rest}` : undefined;
}

/** Where the page must be asked for with a slash at its end, because what it loads is named relative to it. */
export function slashed(base: string, whole: string): string | undefined {
  const [path, ...query] = whole.split("?");
  if (base === "" || path !== base) return undefined;
  return [`${path}/`, ...query].join("?");
}

/** The API, and the exchange of that request begun; refused where the server was closed, or where the request cannot be one. */
export async function asked(mounted: Mounted, head: native.RequestHead): Promise<native.NativeExchange> {
  return refusing(async () => {
    const router = await mounted.router();
    return sync(() => router.ask(head));
  });
}

/** Turns what the client is to be told into a refusal; all else is the application's to know. */
export async function refusing<T>(call: () => Promise<T>): Promise<T> {
  try {
    return await call();
  } catch (error) {
    if (!(error instanceof MemcoreError)) throw error;
    if (error.code === "CLOSED") throw new Refused(503, "Service Unavailable", "CLOSED", "the server was closed");
    const vouched = error.message.startsWith("authenticate: ");
    throw error.code === "INVALID" && !vouched ? new Refused(400, "Bad Request", "INVALID", error.message) : error;
  }
}

/** Where a request of `node:http` comes from: frameworks that trust a proxy say it in `ip` and `protocol`. */
export function origin(request: IncomingMessage, framework: unknown): native.Origin {
  const { ip, protocol } = { ...framed(request), ...framed(framework) };
  const address = ip ?? request.socket.remoteAddress;
  const secure = protocol === undefined ? "encrypted" in request.socket : protocol === "https";
  return address === undefined ? { secure } : { secure, address };
}

interface Framed {
  ip?: string;
  protocol?: string;
}

/** Express's getters stand in the prototype of the request, Fastify's in that of its own. */
function framed(request: unknown): Framed {
  const { ip, protocol } = (request ?? {}) as Framed;
  return { ...(typeof ip === "string" && { ip }), ...(typeof protocol === "string" && { protocol }) };
}

/** Headers that are about one connection, and so not the API's. */
const HOP = new Set(["connection", "keep-alive", "proxy-connection", "te", "trailer", "transfer-encoding", "upgrade", "expect"]);

/** Name, value, name, value, ... without those that are about the connection. */
export function endToEnd(raw: readonly string[], without?: string): string[] {
  const kept: string[] = [];
  for (let at = 0; at + 1 < raw.length; at += 2) {
    const name = (raw[at] ?? "").toLowerCase();
    if (!HOP.has(name) && name !== without) kept.push(name, raw[at + 1] ?? "");
  }
  return kept;
}
