//! Alarms, their rules and who is told.

import { call, callTagged, once } from '../call';
import { operatorPath } from '../place';
import type { Alarm, AlarmRule, Notifier, RuleDraft } from '../shapes';
import { all, page } from './pages';

interface At { operator: string }

export const alarms = (at: At, query: { state?: string; severity?: string; site?: string | undefined; cursor?: string; limit?: number }, signal?: AbortSignal) =>
  page<Alarm>(`${operatorPath(at)}/alarms`, query, signal);
export const acknowledge = (at: At, id: string, note: string) =>
  call<Alarm>('post', `${operatorPath(at)}/alarms/${encodeURIComponent(id)}/acknowledgement`, { body: note === '' ? {} : { note } });

const rulePath = (at: At, id?: string) => `${operatorPath(at)}/alarm-rules${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;
export const rules = (at: At, signal?: AbortSignal) => all<AlarmRule>(rulePath(at), {}, signal);
export const createRule = (at: At, rule: RuleDraft) => call<AlarmRule>('post', rulePath(at), { body: rule, headers: once() });
/** One rule, with the tag that a change of it names. */
export const rule = async (at: At, id: string, signal: AbortSignal): Promise<{ data: AlarmRule; etag: string | null }> => {
  const { data, etag } = await callTagged(rulePath(at, id), signal);
  return { data: data as AlarmRule, etag };
};
export const changeRule = (at: At, id: string, draft: RuleDraft, etag: string | null) =>
  call<AlarmRule>('put', rulePath(at, id), { body: draft, ...(etag === null ? {} : { headers: { 'If-Match': etag } }) });
export const removeRule = (at: At, id: string) => call<undefined>('delete', rulePath(at, id));

/** What a notifier's form sends; a secret only where it is to change. */
export type NotifierDraft = { name: string; enabled: boolean } & ({ kind: 'email'; to: string[] } | { kind: 'webhook'; url: string; secret?: string })

const notifierPath = (at: At, id?: string) => `${operatorPath(at)}/notifiers${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;
export const notifiers = (at: At, signal?: AbortSignal) => all<Notifier>(notifierPath(at), {}, signal);
export const createNotifier = (at: At, draft: NotifierDraft) => call<Notifier>('post', notifierPath(at), { body: draft, headers: once() });
export const changeNotifier = (at: At, id: string, draft: NotifierDraft) => call<Notifier>('put', notifierPath(at, id), { body: draft });
export const removeNotifier = (at: At, id: string) => call<undefined>('delete', notifierPath(at, id));
export const testNotifier = (at: At, id: string) => call<{ sent: boolean; problem?: string | null }>('post', `${notifierPath(at, id)}/test`);
