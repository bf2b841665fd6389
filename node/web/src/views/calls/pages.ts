//! Lists that come in pages.

import { call, type Query } from '../call';
import type { Page } from '../shapes';

/** The most pages that are fetched for one list: 20,000 entries. What lies beyond is found by a filter. */
const PAGES = 20;

/** One page. */
export function page<T>(path: string, query: Query, signal?: AbortSignal): Promise<Page<T>> {
  return call<Page<T>>('get', path, { query, signal });
}

/** All pages of a list, in one. */
export async function all<T>(path: string, query: Query, signal?: AbortSignal): Promise<T[]> {
  const items: T[] = [];
  let cursor: string | null | undefined;
  for (let count = 0; count < PAGES; count += 1) {
    const next: Page<T> = await page<T>(path, { ...query, limit: 1000, cursor }, signal);
    items.push(...next.items);
    cursor = next.next;
    if (!cursor) break;
  }
  return items;
}
