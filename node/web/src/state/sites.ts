// The sites that one may see, over all their operators: asked for while somebody is signed in, every few seconds.

import { effect, signal } from '@preact/signals';

import { all, ask, api, type Schemas } from '../api/client';
import { asProblem, type ProblemError } from '../api/problem';
import { session } from './session';

export type Site = Schemas['Site'];
export type OperatorSummary = Schemas['Operator'];

export const operators = signal<OperatorSummary[] | undefined>(undefined);
export const sites = signal<Site[] | undefined>(undefined);
export const sitesProblem = signal<ProblemError | null>(null);

const EVERY_MS = 5_000;
let timer: ReturnType<typeof setTimeout> | undefined;

/** Asks for them anew at once. */
export async function refreshSites(): Promise<void> {
  clearTimeout(timer);
  try {
    const found = await all((cursor) => ask(api.GET('/api/v1/operators', { params: { query: pageOf(cursor) } })));
    const lists = await Promise.all(found.map(({ operator }) =>
      all((cursor) => ask(api.GET('/api/v1/operators/{operator}/sites', { params: { path: { operator }, query: pageOf(cursor) } })))));
    operators.value = found;
    sites.value = lists.flat();
    sitesProblem.value = null;
  } catch (error) {
    sitesProblem.value = asProblem(error);
  }
  if (session.value) timer = setTimeout(tick, EVERY_MS);
}

function tick(): void {
  if (document.hidden) timer = setTimeout(tick, EVERY_MS);
  else void refreshSites();
}

function pageOf(cursor: string | undefined): { limit: number; cursor?: string } {
  return { limit: 1000, ...(cursor === undefined ? {} : { cursor }) };
}

effect(() => {
  if (session.value) {
    void refreshSites();
    return;
  }
  clearTimeout(timer);
  operators.value = undefined;
  sites.value = undefined;
});

/** The site of the address, as far as it is known. */
export function siteOf(operator: string, site: string): Site | undefined {
  return sites.value?.find((one) => one.operator === operator && one.site === site);
}
