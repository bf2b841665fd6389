// Where one is on the page: the part of the address after `#`. It can be kept as a bookmark and sent to others.

import { computed, signal } from '@preact/signals';

export const SITE_VIEWS = ['live', 'history', 'devices', 'commands', 'control', 'energy', 'alarms', 'doctor', 'imports'] as const;
export const GLOBAL_VIEWS = ['users', 'tokens', 'settings'] as const;

export type SiteView = (typeof SITE_VIEWS)[number];
export type GlobalView = (typeof GLOBAL_VIEWS)[number];

export type Route =
  | { view: 'overview'; query: URLSearchParams }
  | { view: GlobalView; query: URLSearchParams }
  | { view: 'invitation'; secret: string; query: URLSearchParams }
  | { view: SiteView; operator: string; site: string; query: URLSearchParams }
  | { view: 'nowhere'; query: URLSearchParams };

const hash = signal(location.hash);
addEventListener('hashchange', () => { hash.value = location.hash; });

export const route = computed(() => parse(hash.value));

export function parse(text: string): Route {
  const [path = '', search = ''] = text.replace(/^#\/?/, '').split('?', 2);
  const query = new URLSearchParams(search);
  const parts = path.split('/').filter((part) => part !== '').map(decoded);
  const [first, second, third] = parts;
  if (first === undefined) return { view: 'overview', query };
  if (first === 'invitation' && second !== undefined) return { view: 'invitation', secret: second, query };
  if (parts.length === 1 && isOneOf(GLOBAL_VIEWS, first)) return { view: first, query };
  const view = third ?? 'live';
  if (second !== undefined && parts.length <= 3 && isOneOf(SITE_VIEWS, view)) return { view, operator: first, site: second, query };
  return { view: 'nowhere', query };
}

/** The address of a site's view: `href={toSite('local', 'home1', 'history', { series: 'home1.pv.power' })}`. */
export function toSite(operator: string, site: string, view: SiteView = 'live', query: Record<string, string> = {}): string {
  const tail = view === 'live' ? '' : `/${view}`;
  return `#/${encodeURIComponent(operator)}/${encodeURIComponent(site)}${tail}${search(query)}`;
}

export function toGlobal(view: GlobalView | 'overview', query: Record<string, string> = {}): string {
  return `#/${view === 'overview' ? '' : view}${search(query)}`;
}

export function go(address: string): void {
  location.hash = address;
}

/** Puts what a view shows into the address, without a step in the browser's history. An address that was just gone to stays. */
export function note(query: Record<string, string>): void {
  if (location.hash !== hash.value) return;
  const path = location.hash.split('?', 1)[0] ?? '#/';
  history.replaceState(null, '', `${path === '' ? '#/' : path}${search(query)}`);
  hash.value = location.hash;
}

function search(query: Record<string, string>): string {
  const text = new URLSearchParams(query).toString();
  return text === '' ? '' : `?${text}`;
}

function decoded(part: string): string {
  try {
    return decodeURIComponent(part);
  } catch {
    return part;
  }
}

function isOneOf<T extends string>(names: readonly T[], name: string): name is T {
  return (names as readonly string[]).includes(name);
}
