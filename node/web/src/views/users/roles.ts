//! Roles and scopes: their order, and what each may do in words.

import type { Role, Scope } from '../shapes';

export const ROLES: readonly Role[] = ['viewer', 'operator', 'engineer', 'admin'];
export const SCOPES: readonly Scope[] = ['read', 'command', 'configure', 'admin'];

export const ROLE_WORDS: Record<Role, string> = {
  viewer: 'sees everything, changes nothing',
  operator: 'also sends commands, pauses control, acknowledges alarms',
  engineer: 'also enrols devices, imports data, writes alarm rules',
  admin: 'also decides who may do what',
};

export const SCOPE_WORDS: Record<Scope, string> = {
  read: 'see what you see',
  command: 'send commands and wishes, pause control, acknowledge alarms',
  configure: 'enrol devices, write readings, import, write alarm rules',
  admin: 'manage people and notifiers',
};

const SCOPE_OF: Record<Role, Scope> = { viewer: 'read', operator: 'command', engineer: 'configure', admin: 'admin' };

/** The role at an operator: of the operator itself or of all, whichever is higher. */
export function roleAt(roles: Record<string, string>, operator: string): Role | undefined {
  const held = [roles[operator], roles['*']].filter((role): role is Role => ROLES.includes(role as Role));
  return held.sort((a, b) => ROLES.indexOf(b) - ROLES.indexOf(a))[0];
}

/** Whether a role is at least another. */
export function atLeast(role: Role | undefined, least: Role): boolean {
  return role !== undefined && ROLES.indexOf(role) >= ROLES.indexOf(least);
}

/** The scopes that a token of somebody with such roles can use. */
export function usefulScopes(roles: Record<string, string>): Scope[] {
  const highest = Math.max(-1, ...Object.values(roles).map((role) => ROLES.indexOf(role as Role)));
  return ROLES.slice(0, highest + 1).map((role) => SCOPE_OF[role]);
}
