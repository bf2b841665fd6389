/** Requests and answers as `fetch` has them: Hono, and what else is written that way. */
import type native = require("../native.cjs");
import { settled } from "./call.cjs";
import { asked, below, caller, endToEnd, type Mounted, Refused, refusing, slashed } from "./router-mount.cjs";
import { pairs } from "./router-node.cjs";

/** Answers a request. What fails is this request's alone. */
export async function fetched(mounted: Mounted, request: Request, framework: unknown): Promise<Response> {
  try {
    return await answered(mounted, request, framework);
  } catch (error) {
    const refused = Refused.of(error);
    return new Response(refused.problem(), { status: refused.status, headers: { "content-type": "application/problem+json", "cache-control": "no-store" } });
  }
}

async function answered(mounted: Mounted, request: Request, framework: unknown): Promise<Response> {
  const { pathname, search, protocol } = new URL(request.url);
  const moved = slashed(mounted.prefix, pathname + search);
  if (moved !== undefined) return new Response(null, { status: 308, headers: { location: moved } });
  // Some frameworks take the prefix off themselves: `app.mount` of Hono.
  const target = below(mounted.prefix, pathname + search) ?? pathname + search;
  const who = await caller(mounted, request, framework);
  const headers = endToEnd([...request.headers].flat());
  const question = { method: request.method, target, headers, body: request.body !== null, from: { secure: protocol === "https:" } };
  const exchange = await asked(mounted, { ...question, ...(who && { caller: who }) });
  request.signal.addEventListener("abort", () => {
    exchange.close();
  }, { once: true });
  if (request.signal.aborted) exchange.close();
  void send(exchange, request.body);
  const head = await refusing(() => settled(exchange.head()));
  const bare = request.method === "HEAD" || [204, 205, 304].includes(head.status);
  if (bare) exchange.close();
  return new Response(bare ? null : receive(exchange), { status: head.status, headers: [...pairs(head.headers)] });
}

async function send(exchange: native.NativeExchange, body: Request["body"]): Promise<void> {
  if (body === null) return;
  try {
    for await (const chunk of body) {
      if (!(await exchange.write(chunk as Uint8Array))) return;
    }
    await exchange.end();
  } catch {
    exchange.close();
  }
}

/** Asks for a chunk when the reader wants one. */
function receive(exchange: native.NativeExchange): ReadableStream<Uint8Array> {
  return new ReadableStream<Uint8Array>(
    {
      async pull(controller) {
        const chunk = await settled(exchange.read());
        if (chunk === null) controller.close();
        else controller.enqueue(chunk);
      },
      cancel() {
        exchange.close();
      },
    },
    { highWaterMark: 0 },
  );
}
