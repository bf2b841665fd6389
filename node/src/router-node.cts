/** Requests of `node:http`, and so of Express and Fastify. */
import { once } from "node:events";
import type { IncomingMessage, ServerResponse } from "node:http";
import type native = require("../native.cjs");
import { settled } from "./call.cjs";
import { asked, below, caller, endToEnd, type Mounted, origin, type Place, Refused, refusing, slashed } from "./router-mount.cjs";

/** A failure is this request's alone: Express's own handler of errors gets it, or the client a plain 500. */
export async function handle(
  mounted: Mounted,
  request: IncomingMessage,
  response: ServerResponse,
  place: Place,
  framework?: unknown,
  next?: (error?: unknown) => void,
): Promise<void> {
  try {
    await answered(mounted, request, response, place, framework);
  } catch (error) {
    if (response.headersSent || response.destroyed) response.destroy();
    else if (error instanceof Refused || next === undefined) refuse(response, Refused.of(error));
    else next(error);
  }
}

async function answered(mounted: Mounted, request: IncomingMessage, response: ServerResponse, place: Place, framework: unknown): Promise<void> {
  const moved = slashed(place.base, place.whole);
  if (moved !== undefined) {
    response.writeHead(308, { location: moved }).end();
    return;
  }
  const target = below(place.base, place.whole);
  if (target === undefined) throw new Refused(404, "Not Found", "NOT_FOUND", `nothing is below ${place.base} here`);
  const who = await caller(mounted, request, framework);
  const body = bodyOf(request);
  const headers = endToEnd(request.rawHeaders, body instanceof Uint8Array ? "content-length" : undefined);
  const head = { method: request.method ?? "GET", target, headers, body: body !== undefined, from: origin(request, framework) };
  const exchange = await asked(mounted, { ...head, ...(who && { caller: who }) });
  response.once("close", () => {
    exchange.close();
  });
  // The client may have gone while it was asked who it is.
  if (response.destroyed) exchange.close();
  const sent = send(exchange, body);
  await receive(exchange, response);
  await sent;
}

type Body = IncomingMessage | Uint8Array | undefined;

/** The body as it comes, or as somebody before us has read it: `express.json()` puts what it understood into `request.body`. */
function bodyOf(request: IncomingMessage & { body?: unknown }): Body {
  if (request.headers["transfer-encoding"] === undefined && (request.headers["content-length"] ?? "0") === "0") return undefined;
  if (!request.readableEnded && !request.readableDidRead) return request;
  const { body } = request;
  if (body === undefined) throw new Refused(400, "Bad Request", "INVALID", "the body was read before it came here: mount the router before what reads bodies");
  if (body instanceof Uint8Array) return body;
  return Buffer.from(typeof body === "string" ? body : JSON.stringify(body));
}

/** Hands the body on, as fast as it is read. What nobody reads is left to Node, which drops it once the answer is sent. */
async function send(exchange: native.NativeExchange, body: Body): Promise<void> {
  try {
    if (body === undefined) return;
    for await (const chunk of body instanceof Uint8Array ? [body] : body.iterator({ destroyOnReturn: false })) {
      if (!(await exchange.write(chunk as Uint8Array))) return;
    }
    await exchange.end();
  } catch {
    // The client went away in the middle: its handler learns that the body is not whole.
    exchange.close();
  }
}

/** Hands the answer to the client, as fast as the client takes it. */
async function receive(exchange: native.NativeExchange, response: ServerResponse): Promise<void> {
  let head: native.AnswerHead;
  try {
    head = await refusing(() => settled(exchange.head()));
  } catch (error) {
    if (response.destroyed) return;
    throw error;
  }
  for (const [name, value] of pairs(head.headers)) response.appendHeader(name, value);
  response.writeHead(head.status);
  // A stream that has nothing to say yet has begun.
  response.flushHeaders();
  for (;;) {
    const chunk = await exchange.read();
    if (chunk === null || response.destroyed) break;
    if (!response.write(chunk)) await Promise.race([once(response, "drain"), once(response, "close")]);
  }
  response.end();
}

/** @internal */
export function* pairs(flat: readonly string[]): Generator<[string, string]> {
  for (let at = 0; at + 1 < flat.length; at += 2) yield [flat[at] ?? "", flat[at + 1] ?? ""];
}

function refuse(response: ServerResponse, refused: Refused): void {
  response.writeHead(refused.status, { "content-type": "application/problem+json", "cache-control": "no-store" }).end(refused.problem());
}
