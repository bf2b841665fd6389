// Who is signed in, and what they may do.

import { signal } from '@preact/signals';

import { ask, api, onUnproved, setCsrf } from '../api/client';
import { ProblemError } from '../api/problem';
import type { components } from '../api/schema';

export type Session = components['schemas']['Session'];
export type Role = 'viewer' | 'operator' | 'engineer' | 'admin';

const RANKS: readonly Role[] = ['viewer', 'operator', 'engineer', 'admin'];

/** `undefined` until it is known, `null` where nobody is signed in. */
export const session = signal<Session | null | undefined>(undefined);

/** Whether somebody was signed in on this page and is no longer: the sign-in form says so. */
export const ended = signal(false);

onUnproved(() => {
  if (session.value) ended.value = true;
  begin(null);
});

/** Takes what signing in answered; `null` for nobody. */
export function begin(found: Session | null): void {
  setCsrf(found?.csrf ?? null);
  session.value = found;
  if (found) ended.value = false;
}

/** Asks who is signed in. */
export async function recall(): Promise<void> {
  try {
    begin(await ask(api.GET('/api/v1/session')));
  } catch (error) {
    if (!(error instanceof ProblemError) || error.status !== 401) throw error;
    begin(null);
  }
}

/** Sessions that are not used end after five minutes at the earliest. */
const USED_MS = 120_000;

/** A page in sight is in use, though it may only listen, as on a wall: it says so. Returns what ends it. */
export function stayInUse(): () => void {
  const timer = setInterval(() => { if (session.value && !document.hidden) ask(api.GET('/api/v1/session')).catch(() => undefined); }, USED_MS);
  return () => { clearInterval(timer); };
}

export async function signOut(): Promise<void> {
  await ask(api.DELETE('/api/v1/session'));
  begin(null);
  ended.value = false;
}

/**
 * Whether the session has that role (or a higher one) at the operator; without an operator, at all of them. It decides
 * what is shown. What is allowed, the server decides.
 */
export function may(role: Role, operator?: string): boolean {
  const roles = (session.value?.roles ?? {}) as Record<string, Role | undefined>;
  const held = [roles['*'], operator === undefined ? undefined : roles[operator]];
  return held.some((one) => one !== undefined && RANKS.indexOf(one) >= RANKS.indexOf(role));
}
