/** WebSockets: what an `upgrade` event brings goes to the API as it came. */
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import type { Duplex } from "node:stream";
import type native = require("../native.cjs");
import { sync } from "./call.cjs";
import { below, caller, type Mounted, origin, Refused, refusing } from "./router-mount.cjs";
import { pairs } from "./router-node.cjs";

/** Takes the request where it is for the API. */
export function tunnelled(mounted: Mounted, request: IncomingMessage, socket: Duplex, head: Buffer): boolean {
  const target = below(mounted.prefix, request.url ?? "/");
  if (target?.startsWith("/api/v1/") !== true) return false;
  // A client that is cut off is no failure of the application's.
  socket.on("error", () => undefined);
  void tunnel(mounted, request, target, socket, head);
  return true;
}

async function tunnel(mounted: Mounted, request: IncomingMessage, target: string, socket: Duplex, head: Buffer): Promise<void> {
  let opened: native.NativeTunnel;
  try {
    const who = await caller(mounted, request, undefined);
    const router = await refusing(() => mounted.router());
    opened = await refusing(() => Promise.resolve(sync(() => router.tunnel(who, origin(request, undefined)))));
  } catch (error) {
    refuse(socket, Refused.of(error));
    return;
  }
  socket.once("close", () => {
    opened.close();
  });
  if (socket.destroyed) opened.close();
  const lines = [`${request.method ?? "GET"} ${target} HTTP/1.1`];
  for (const [name, value] of pairs(request.rawHeaders)) lines.push(`${name}: ${value}`);
  const begun = Buffer.concat([Buffer.from(`${lines.join("\r\n")}\r\n\r\n`, "latin1"), head]);
  await Promise.all([up(opened, begun, socket), down(opened, socket)]);
}

async function up(tunnel: native.NativeTunnel, begun: Uint8Array, socket: Duplex): Promise<void> {
  try {
    let open = await tunnel.write(begun);
    for await (const chunk of socket.iterator({ destroyOnReturn: false })) {
      open = open && (await tunnel.write(chunk as Uint8Array));
      if (!open) return;
    }
  } catch {
    // The socket was cut off.
  }
  tunnel.close();
}

async function down(tunnel: native.NativeTunnel, socket: Duplex): Promise<void> {
  for (;;) {
    const chunk = await tunnel.read();
    if (chunk === null || socket.destroyed) break;
    if (!socket.write(chunk)) await Promise.race([once(socket, "drain"), once(socket, "close")]);
  }
  socket.end(() => {
    socket.destroy();
  });
}

function refuse(socket: Duplex, refused: Refused): void {
  const body = refused.problem();
  const lines = [
    `HTTP/1.1 ${String(refused.status)} ${refused.title}`,
    "content-type: application/problem+json",
    `content-length: ${String(Buffer.byteLength(body))}`,
    "connection: close",
  ];
  socket.end(`${lines.join("\r\n")}\r\n\r\n${body}`);
}
