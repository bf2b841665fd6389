/** memcore's API and page inside an application of your own, in process: Express, Fastify, Hono, or `node:http` alone. */
import type { IncomingMessage, ServerResponse } from "node:http";
import type { Duplex } from "node:stream";
import type native = require("../native.cjs");
import { settled } from "./call.cjs";
import { InvalidError } from "./errors.cjs";
import { callable, checkOptions, show, text } from "./options.cjs";
import { fetched } from "./router-fetch.cjs";
import type { Authenticate, Mounted } from "./router-mount.cjs";
import { handle } from "./router-node.cjs";
import { tunnelled } from "./router-socket.cjs";
import { Server } from "./server.cjs";

/** How the API and the page are mounted. */
export interface RouterOptions {
  /**
   * The path below which they are, such as `/energy`. Express's `app.use` and Fastify's `register` say it themselves; for `fetch`,
   * for plain `node:http` and for WebSockets it is said here.
   */
  prefix?: string;
  /**
   * Lets your application vouch for its own users, by its own session say; without it memcore's own accounts count. Against requests
   * that another site makes a browser send, protect your session as for the rest of your application (`SameSite` cookies, a token):
   * memcore itself refuses what changes something where the browser says that another site asked.
   */
  authenticate?: Authenticate;
}

/** What is used of a Fastify instance. */
export interface FastifyLike {
  prefix: string;
  removeAllContentTypeParsers(): unknown;
  addContentTypeParser(type: string, parser: (request: unknown, payload: unknown, done: (error: Error | null, body?: unknown) => void) => void): unknown;
  all(path: string, handler: (request: { raw: IncomingMessage }, reply: { raw: ServerResponse; hijack(): unknown }) => void): unknown;
}

/** The API and the page of a server. Itself it is a handler for Express and for `node:http`. */
export interface Router {
  /** `app.use("/energy", router)`, or `http.createServer(router)`. */
  (request: IncomingMessage, response: ServerResponse, next?: (error?: unknown) => void): void;
  /** For Hono and what else speaks in `Request` and `Response`: `app.all("/energy/*", (c) => router.fetch(c.req.raw))`. */
  readonly fetch: (request: Request, framework?: unknown) => Promise<Response>;
  /** A Fastify plugin: `app.register(router.fastify, { prefix: "/energy" })`. */
  readonly fastify: (app: FastifyLike, options: object, done: (error?: Error) => void) => void;
  /**
   * WebSockets: `server.on("upgrade", router.upgrade)` of the `http.Server` that your application runs on. False where the request is
   * for something else of yours; the socket is yours then.
   */
  readonly upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => boolean;
}

/**
 * Mounts the API and the page of a server into an application of your own: no second port, no proxy. Requests are answered until the
 * server is closed, then with 503.
 */
export function createRouter(server: Server, options: RouterOptions = {}): Router {
  if (!(server instanceof Server)) throw new InvalidError(`createRouter: server is ${show(server)}, expected what serve() gave`);
  checkOptions("createRouter", options, { prefix: text, authenticate: callable });
  let opened: Promise<native.NativeRouter> | undefined;
  const router = (): Promise<native.NativeRouter> => {
    // A failure is not kept: the next request tries anew.
    opened ??= settled(Server.native(server).router()).catch((error: unknown) => {
      opened = undefined;
      throw error;
    });
    return opened;
  };
  const mounted: Mounted = { prefix: checkPrefix(options.prefix ?? ""), authenticate: options.authenticate, router };
  const handler = (request: Mountable, response: ServerResponse, next?: (error?: unknown) => void): void => {
    // Express mounts at the root under an empty text.
    const base = request.baseUrl === undefined || request.baseUrl === "" ? mounted.prefix : request.baseUrl;
    const place = { base, whole: request.originalUrl ?? request.url ?? "/" };
    void handle(mounted, request, response, place, undefined, next);
  };
  return Object.assign(handler, {
    fetch: (request: Request, framework?: unknown) => fetched(mounted, request, framework),
    upgrade: (request: IncomingMessage, socket: Duplex, head: Buffer) => tunnelled(mounted, request, socket, head),
    fastify: (app: FastifyLike, _options: object, done: (error?: Error) => void) => {
      plug(mounted, app);
      done();
    },
  });
}

/** Express says where it mounted a handler, and what was asked for before it did. */
type Mountable = IncomingMessage & { baseUrl?: string; originalUrl?: string };

function checkPrefix(prefix: string): string {
  const bare = prefix.replace(/\/+$/, "");
  if (bare !== "" && !/^(\/[\w.~-]+)+$/.test(bare)) {
    throw new InvalidError(`createRouter: prefix is ${show(prefix)}, expected a path such as "/energy"`);
  }
  return bare;
}

function plug(mounted: Mounted, app: FastifyLike): void {
  // Bodies reach memcore as they come, also those that Fastify could read.
  app.removeAllContentTypeParsers();
  app.addContentTypeParser("*", (_request, _payload, done) => {
    done(null);
  });
  const base = app.prefix === "/" ? "" : app.prefix;
  for (const path of ["/", "/*"]) {
    app.all(path, (request, reply) => {
      reply.hijack();
      void handle(mounted, request.raw, reply.raw, { base, whole: request.raw.url ?? "/" }, request);
    });
  }
}
