//! Commands, control and plans.

import { call } from '../call';
import type { SiteModel } from '../commands/assets';
import type { CommandRequest } from '../commands/words';
import { type Place, sitePath } from '../place';
import type { Command, CommandState, ControlStatus, CurrentPlan, Explanation, Plan, PlanComparison, PlanSummary } from '../shapes';
import { page } from './pages';

export const commands = (place: Place, query: { series?: string; state?: string; since?: string; cursor?: string; limit?: number }, signal?: AbortSignal) =>
  page<Command>(`${sitePath(place)}/commands`, query, signal);

/** A repeated key has one effect: a retry after a lost answer sends nothing twice. */
export const sendCommand = (place: Place, request: CommandRequest, key: Record<string, string>) =>
  call<Command>('post', `${sitePath(place)}/commands`, { body: request, headers: key });

/** Its state, or the next one where it is waited for. */
export const command = (place: Place, id: string, wait?: { wait: string; seen: CommandState }, signal?: AbortSignal) =>
  call<Command>('get', `${sitePath(place)}/commands/${encodeURIComponent(id)}`, { query: { ...wait }, signal });

export const control = (place: Place, signal?: AbortSignal) => call<ControlStatus>('get', `${sitePath(place)}/control`, { signal });
/** The site model, as its file says it. */
export const controlModel = (place: Place, signal?: AbortSignal) => call<SiteModel>('get', `${sitePath(place)}/control/model`, { signal });
export const enableControl = (place: Place, enabled: boolean) => call<unknown>('put', `${sitePath(place)}/control/enabled`, { body: { enabled } });

/** What a person wishes of an asset that control steers; powers in W. */
export interface WishRequest { target: string; power?: number; low?: number; high?: number; priority: number; reason?: string; valid_for: string }

export const propose = (place: Place, wish: WishRequest, key: Record<string, string>) =>
  call<{ id: number; until_us: number }>('post', `${sitePath(place)}/control/proposals`, { body: wish, headers: key });
export const withdraw = (place: Place, actor: string, target?: string) =>
  call<{ withdrawn: number }>('delete', `${sitePath(place)}/control/proposals`, { query: { actor, target } });
export const why = (place: Place, asked: { asset?: string; series?: string; at?: string }, signal?: AbortSignal) =>
  call<Explanation>('get', `${sitePath(place)}/why`, { query: asked, signal });
export const currentPlan = (place: Place, signal?: AbortSignal) => call<CurrentPlan>('get', `${sitePath(place)}/control/plan`, { signal });

export const plans = (place: Place, signal?: AbortSignal) => page<PlanSummary>(`${sitePath(place)}/plans`, { limit: 200 }, signal);
export const plan = (place: Place, id: string, signal?: AbortSignal) => call<Plan>('get', `${sitePath(place)}/plans/${encodeURIComponent(id)}`, { signal });
export const removePlan = (place: Place, id: string) => call<undefined>('delete', `${sitePath(place)}/plans/${encodeURIComponent(id)}`);
export const solve = (place: Place, asked: { name: string; text: string; keep: boolean; step?: string; steps?: number; from?: string }, key: Record<string, string>) =>
  call<Plan>('post', `${sitePath(place)}/plans`, { body: asked, headers: key });
export const compare = (place: Place, ids: readonly string[], signal?: AbortSignal) =>
  call<PlanComparison>('get', `${sitePath(place)}/plan-comparison`, { query: { plans: ids.join(',') }, signal });
