// The API, typed by its description: `await ask(api.GET('/api/v1/health'))` gives the body or throws a ProblemError.

import createClient, { type Middleware } from 'openapi-fetch';

import { problemOf } from './problem';
import type { components, paths } from './schema';

export type Schemas = components['schemas'];

/** Where the API is: beside the page, wherever that is mounted. */
export const BASE = new URL('.', document.baseURI).href.replace(/\/$/, '');

let csrf: string | null = null;
let unproved: () => void = () => undefined;

/** The token of the session that changes must show: only this page knows it. */
export function setCsrf(token: string | null): void {
  csrf = token;
}

/** Called when the server no longer knows who asks. */
export function onUnproved(then: () => void): void {
  unproved = then;
}

const proof: Middleware = {
  onRequest({ request }) {
    if (csrf !== null && !['GET', 'HEAD'].includes(request.method)) request.headers.set('X-CSRF-Token', csrf);
    // A filter that was left empty is none: the server refuses parameters without a value.
    const url = new URL(request.url);
    const empty = [...url.searchParams].filter(([, value]) => value === '').map(([key]) => key);
    if (empty.length === 0) return request;
    empty.forEach((key) => { url.searchParams.delete(key); });
    return new Request(url, request);
  },
  onResponse({ request, response }) {
    // Signing in with a wrong password is 401, too, and ends nothing.
    const signingIn = request.method === 'POST' && new URL(request.url).pathname.endsWith('/api/v1/session');
    if (response.status === 401 && !signingIn) unproved();
  },
};

export const api = createClient<paths>({ baseUrl: BASE, credentials: 'same-origin' });
api.use(proof);

/** The body of an answer, or its ProblemError. */
export async function ask<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<T> {
  const { data, error, response } = await answer;
  if (!response.ok) throw problemOf(response.status, error);
  return data as T;
}

/** The answer with its ETag, for changes that must not overwrite another's: send it back as `If-Match`. */
export async function askTagged<T>(answer: Promise<{ data?: T; error?: unknown; response: Response }>): Promise<{ data: T; etag: string | null }> {
  const kept = await answer;
  return { data: await ask(Promise.resolve(kept)), etag: kept.response.headers.get('ETag') };
}

/** Headers of a request that must have its effect once, however often it is sent. Make one per press of a button, not per try. */
export function once(): { 'Idempotency-Key': string } {
  const bytes = crypto.getRandomValues(new Uint8Array(16));
  return { 'Idempotency-Key': Array.from(bytes, (byte) => byte.toString(16).padStart(2, '0')).join('') };
}

/** Every item of a list that comes in pages, up to `most`. */
export async function all<T>(page: (cursor: string | undefined) => Promise<{ items: T[]; next?: string | null }>, most = 10_000): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | undefined;
  do {
    const found = await page(cursor);
    items.push(...found.items);
    cursor = found.next ?? undefined;
  } while (cursor !== undefined && items.length < most);
  return items;
}
