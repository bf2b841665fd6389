//! Users, members, tokens, sessions, and what the server tells of itself.

import { call, once } from '../call';
import { operatorPath } from '../place';
import type { AuditEntry, Member, Role, Scope, SessionEntry, Token, User } from '../shapes';
import { all, page } from './pages';

const userPath = (user: string) => `/users/${encodeURIComponent(user)}`;
export const users = (signal?: AbortSignal) => all<User>('/users', {}, signal);
export const inviteUser = (draft: { user: string; display_name?: string; roles: Record<string, Role> }) =>
  call<{ user: User; link: string; expires_us: number }>('post', '/users', { body: draft, headers: once() });
export const changeUser = (user: string, change: { display_name?: string; roles?: Record<string, Role>; disabled?: boolean; reset?: true }) =>
  call<{ user: User; link?: string | null; expires_us?: number | null }>('patch', userPath(user), { body: change });
export const removeUser = (user: string) => call<undefined>('delete', userPath(user));

const memberPath = (at: { operator: string }, user?: string) => `${operatorPath(at)}/members${user === undefined ? '' : `/${encodeURIComponent(user)}`}`;
export const members = (at: { operator: string }, signal?: AbortSignal) => all<Member>(memberPath(at), {}, signal);
export const inviteMember = (at: { operator: string }, draft: { user: string; display_name?: string; role: Role }) =>
  call<{ member: Member; link?: string | null; expires_us?: number | null }>('post', memberPath(at), { body: draft, headers: once() });
export const setMember = (at: { operator: string }, user: string, role: Role) => call<Member>('put', memberPath(at, user), { body: { role } });
export const removeMember = (at: { operator: string }, user: string) => call<undefined>('delete', memberPath(at, user));

export const tokens = (signal?: AbortSignal) => all<Token>('/tokens', {}, signal);
export const createToken = (draft: { name: string; scopes: Scope[]; operators?: string[]; expires?: string }) =>
  call<{ token: Token; secret: string }>('post', '/tokens', { body: draft, headers: once() });
export const revokeToken = (id: string) => call<undefined>('delete', `/tokens/${encodeURIComponent(id)}`);

export const sessions = (signal?: AbortSignal) => all<SessionEntry>('/sessions', {}, signal);
export const endSession = (id: string) => call<undefined>('delete', `/sessions/${encodeURIComponent(id)}`);
export const changePassword = (current: string, next: string) => call<undefined>('put', '/session/password', { body: { current, new: next } });

export const audit = (query: { from?: string; to?: string; kind?: string; by?: string; cursor?: string; limit?: number }, signal?: AbortSignal) =>
  page<AuditEntry>('/audit', query, signal);
export const status = (signal?: AbortSignal) => call<Record<string, unknown>>('get', '/status', { signal });
export const configuration = (signal?: AbortSignal) => call<{ sections: Record<string, unknown> }>('get', '/configuration', { signal });
export const operators = (signal?: AbortSignal) => all<{ operator: string; role: Role }>('/operators', {}, signal);
