//! Calls of the API by path, through the page's client: it proves who asks, and notices when nobody is signed in any more.

import { api, ask, askTagged, once } from '../api/client';

/** What goes into a query; what is not said is left out. */
export type Query = Record<string, string | number | boolean | readonly string[] | null | undefined>;

interface Options { query?: Query; body?: unknown; signal?: AbortSignal | undefined; headers?: Record<string, string> }

interface Answer { data?: unknown; error?: unknown; response: Response }

/** The client without the types of its paths. */
interface Loose { request: (method: string, path: string, init: object) => Promise<Answer> }

/** Calls a route, and gives its answer; throws a `ProblemError`. */
export async function call<T>(method: 'get' | 'post' | 'put' | 'patch' | 'delete', path: string, options: Options = {}): Promise<T> {
  const { query, body, signal, headers } = options;
  const said = Object.fromEntries(Object.entries(query ?? {}).filter(([, value]) => value !== undefined && value !== null && value !== ''));
  return (await ask((api as unknown as Loose).request(method, `/api/v1${path}`, {
    params: { query: said },
    ...(body === undefined ? {} : { body }),
    ...(signal ? { signal } : {}),
    ...(headers ? { headers } : {}),
  }))) as T;
}

/** What a path shows with its tag: a change that names it overwrites nobody else's. */
export async function callTagged(path: string, signal: AbortSignal): Promise<{ data: unknown; etag: string | null }> {
  return askTagged((api as unknown as Loose).request('get', `/api/v1${path}`, { signal }));
}

export { once };
