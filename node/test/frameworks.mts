// Applications of a developer's own with memcore inside: Express, Fastify, Hono and plain node:http, each in process.
import { once } from "node:events";
import http, { type RequestListener, type Server as HttpServer } from "node:http";
import type { AddressInfo } from "node:net";
import { serve as serveHono } from "@hono/node-server";
import express from "express";
import fastify from "fastify";
import { Hono } from "hono";
import * as mc from "memcore";

export const ANY_PORT = { listen: "127.0.0.1:0" };
export const PREFIX = "/energy";
/** Who the applications here say that everybody is, unless a header says otherwise. */
export const authenticate: mc.Authenticate = (request) => {
  const who = request instanceof Request ? request.headers.get("x-who") : request.headers["x-who"];
  if (who === "nobody") return null;
  if (who === "trouble") throw new Error("the table of users is gone");
  return { user: "ada", roles: { "*": who === "viewer" ? "viewer" : "admin" } };
};

export interface Application extends AsyncDisposable {
  url: string;
  server: HttpServer;
}

export type Framework = (server: mc.Server, options?: mc.RouterOptions) => Promise<Application>;

export async function listening(server: HttpServer, router: mc.Router): Promise<Application> {
  server.on("upgrade", (request, socket, head) => {
    if (!router.upgrade(request, socket, head)) socket.destroy();
  });
  if (!server.listening) {
    server.listen(0, "127.0.0.1");
    await once(server, "listening");
  }
  const url = `http://127.0.0.1:${String((server.address() as AddressInfo).port)}`;
  return {
    url,
    server,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
}

export const FRAMEWORKS = {
  async Express(server: mc.Server, options?: mc.RouterOptions) {
    const app = express();
    const router = mc.createRouter(server, { prefix: PREFIX, authenticate, ...options });
    app.use(PREFIX, router);
    app.get("/own", (_request, response) => void response.send("own"));
    return listening(http.createServer(app as RequestListener), router);
  },
  async Fastify(server: mc.Server, options?: mc.RouterOptions) {
    const app = fastify();
    const router = mc.createRouter(server, { prefix: PREFIX, authenticate, ...options });
    await app.register(router.fastify, { prefix: PREFIX });
    app.get("/own", () => "own");
    app.post("/own", (request) => request.body);
    await app.ready();
    return listening(app.server, router);
  },
  async Hono(server: mc.Server, options?: mc.RouterOptions) {
    const app = new Hono();
    const router = mc.createRouter(server, { prefix: PREFIX, authenticate, ...options });
    app.all(`${PREFIX}/*`, (c) => router.fetch(c.req.raw));
    app.get("/own", (c) => c.text("own"));
    const running = serveHono({ fetch: app.fetch, port: 0, hostname: "127.0.0.1" }) as HttpServer;
    await once(running, "listening");
    return listening(running, router);
  },
  "node:http": (server: mc.Server, options?: mc.RouterOptions) => {
    const router = mc.createRouter(server, { prefix: PREFIX, authenticate, ...options });
    return listening(http.createServer((request, response) => {
      if (request.url === "/own") response.end("own");
      else router(request, response);
    }), router);
  },
} satisfies Record<string, Framework>;

/** A site below the prefix. */
export const S = `${PREFIX}/api/v1/operators/local/sites/home1`;
