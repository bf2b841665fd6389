//! What a command will do, in words; and what may be sent at all.

import type { Channel, Command, CommandState } from '../shapes';
import { parseNumber, said, scaled, typedUnits } from '../units';
import { parseSpan, spanWords, writeSpan } from './span';

/** What is typed into the form of a command. */
export interface CommandDraft {
  value: string;
  unit: string;
  lease: string;
  fallback: string;
  within: string;
  safety: boolean;
}

/** What the API takes. */
export interface CommandRequest {
  series: string;
  value: number;
  lease?: string;
  fallback?: number;
  within?: string;
  safety?: boolean;
}

/** What is wrong with a draft, by field; and the request where nothing is. */
export interface Checked { request?: CommandRequest; problems: Partial<Record<keyof CommandDraft, string>> }

/** A new draft for a channel: what it declares safe is the fallback. */
export function newDraft(channel: Channel, unit: string): CommandDraft {
  const factor = factorOf(channel, unit);
  const safe = channel.rules.fallback ?? 0;
  const isSwitch = channel.unit === 'on/off';
  return { value: isSwitch ? '1' : '', unit, lease: isSwitch ? '' : '15m', fallback: String(scaled(safe, 1 / factor)), within: '30s', safety: false };
}

function factorOf(channel: Channel, unit: string): number {
  return typedUnits(channel.unit, channel.quantity).find((each) => each.unit === unit)?.factor ?? 1;
}

/** What people call a channel, beside its name; empty for nothing. */
export function labelOf(channel: Channel): string {
  return Object.values(channel.labels).join(', ');
}

/** The values that a channel takes, in words; undefined where it does not say. */
export function allowedWords(channel: Channel): string | undefined {
  if (channel.unit === 'on/off') return 'on or off';
  if (!channel.range) return undefined;
  return `${said(channel.range.low, channel.unit, channel.quantity)} to ${said(channel.range.high, channel.unit, channel.quantity)}`;
}

/** Checks a draft as the server does, so that a mistake is told while it is typed. */
export function checkDraft(channel: Channel, draft: CommandDraft): Checked {
  const problems: Checked['problems'] = {};
  const value = typedValue(channel, draft.value, draft.unit);
  const wrong = wrongValue(channel, value);
  if (wrong !== undefined) problems.value = wrong;
  const lease = draft.lease.trim() === '' ? null : parseSpan(draft.lease);
  if (lease === undefined || lease === 0) problems.lease = 'A time such as 15m, 90s or 2h is expected; empty for no end.';
  const fallback = lease === null ? undefined : typedValue(channel, draft.fallback, draft.unit);
  if (lease !== null) {
    const wrongFallback = wrongValue(channel, fallback);
    if (wrongFallback !== undefined) problems.fallback = wrongFallback;
  }
  const within = parseSpan(draft.within);
  if (within === undefined || within === 0) problems.within = 'A time such as 30s is expected.';
  if (draft.safety && value !== undefined && !isSafe(channel, value)) {
    problems.safety = `Only ${safeWords(channel)} can be sent for safety.`;
  }
  if (Object.keys(problems).length > 0 || value === undefined || lease === undefined || within === undefined) return { problems };
  const request: CommandRequest = { series: channel.series, value, within: writeSpan(within) };
  if (lease !== null && fallback !== undefined) Object.assign(request, { lease: writeSpan(lease), fallback });
  if (draft.safety) request.safety = true;
  return { request, problems };
}

function typedValue(channel: Channel, text: string, unit: string): number | undefined {
  const typed = parseNumber(text);
  return typed === undefined ? undefined : scaled(typed, factorOf(channel, unit));
}

function wrongValue(channel: Channel, value: number | undefined): string | undefined {
  if (value === undefined) return 'A number is expected.';
  if (channel.unit === 'on/off') return value === 0 || value === 1 ? undefined : 'On or off is expected.';
  const range = channel.range;
  if (range && (value < range.low || value > range.high)) {
    return `${said(value, channel.unit, channel.quantity)} is outside what the channel takes: ${allowedWords(channel) ?? ''}.`;
  }
  return undefined;
}

function isSafe(channel: Channel, value: number): boolean {
  const declared = channel.rules.fallback;
  return value === 0 || (declared !== null && Math.abs(value - declared) <= 1e-9 * Math.abs(declared));
}

function safeWords(channel: Channel): string {
  const zero = said(0, channel.unit, channel.quantity);
  const declared = channel.rules.fallback;
  return declared === null || declared === 0 ? zero : `${zero} or ${said(declared, channel.unit, channel.quantity)}`;
}

/** The words for a value with the direction that it has at a device: `−2 kW (discharging)`. */
export function withDirection(value: number, unit: string, device: string, quantity?: string): string {
  const text = said(value, unit, quantity);
  const way = direction(value, unit, device);
  return way === undefined ? text : `${text} (${way})`;
}

function direction(value: number, unit: string, device: string): string | undefined {
  if (unit !== 'W' || value === 0) return undefined;
  if (/batter|storage/i.test(device)) return value > 0 ? 'charging' : 'discharging';
  if (/pv|solar|genset|generator/i.test(device)) return value > 0 ? 'drawing' : 'producing';
  return value > 0 ? 'into the device' : 'out of the device';
}

/** What a command does, in one sentence: `home1.battery.power: −2 kW (discharging) for 15 minutes, then 0 W.` */
export function sentence(request: CommandRequest, channel: Pick<Channel, 'unit' | 'quantity' | 'device'>): string {
  const value = withDirection(request.value, channel.unit, channel.device, channel.quantity);
  const lease = request.lease === undefined ? undefined : parseSpan(request.lease);
  if (lease === undefined || request.fallback === undefined) return `${value}, until another command.`;
  return `${value} for ${spanWords(lease)}, then ${said(request.fallback, channel.unit, channel.quantity)}.`;
}

/** The same of a command that was sent. */
export function commandSentence(command: Command): string {
  const unit = unitOf(command);
  const value = said(command.value, unit);
  if (command.lease_us === null || command.lease_us === undefined) return `${value}, until another command`;
  return `${value} for ${spanWords(command.lease_us)}, then ${said(command.fallback, unit)}`;
}

function unitOf(command: Command): string {
  return command.unit ?? '(unit no longer known)';
}

/** When it lets go by itself: with its lease, or with the wish that control made of it. Null where nothing takes it back. */
export function endsAt(command: Command): number | null {
  return command.lease_ends_us ?? command.steered?.until_us ?? null;
}

/** Whether its value may hold at the device now, as far as the server knows: it can be renewed, and ended. */
export function isHolding(command: Command, nowUs: number): boolean {
  if (!command.stands || command.state === 'refused' || command.state === 'expired') return false;
  const end = endsAt(command);
  return end === null || end > nowUs;
}

/** The request that lets go of a value at once: what would hold after the lease. */
export function endRequest(command: Command): CommandRequest {
  const fallback = command.fallback ?? 0;
  return { series: command.series, value: fallback, within: '30s' };
}

/** The request that gives a value its whole lease again. */
export function renewRequest(command: Command): CommandRequest {
  const lease = command.lease_us ?? undefined;
  const fallback = command.fallback ?? undefined;
  return { series: command.series, value: command.value, within: '30s', ...(lease === undefined || fallback === undefined ? {} : { lease: writeSpan(lease), fallback }) };
}

/** What a state means, for a person. */
export function stateWords(command: Command): string {
  const back = command.read_back;
  switch (command.state) {
    case 'queued': return 'Waiting for the device to connect.';
    case 'sent': return 'On its way; the device has not answered yet.';
    case 'accepted': return 'The device has it and is working on it.';
    case 'done': return back === null || back === undefined ? 'Carried out.' : `Carried out; the device reads ${said(back, unitOf(command))}.`;
    case 'refused': return `Refused: ${command.reason ?? command.code ?? 'no reason was given'}. Nothing happened.`;
    case 'expired': return 'It could not be delivered in time. Nothing happened.';
    case 'unknown': return back === null || back === undefined
      ? 'No answer came: it may or may not have happened. Read the channel before repeating.'
      : `No answer came; the device reads ${said(back, unitOf(command))}. Read the channel before repeating.`;
  }
}

const ENDS: readonly CommandState[] = ['done', 'refused', 'expired', 'unknown'];

/** The steps of a command's life, for a line of dots. */
export function lifeSteps(state: Command['state']): { name: string; reached: boolean; bad: boolean }[] {
  const line = ['queued', 'sent', 'accepted', ENDS.includes(state) ? state : 'done'];
  const at = line.indexOf(state);
  const bad = state === 'refused' || state === 'expired' || state === 'unknown';
  return line.map((name, index) => ({ name, reached: index <= at, bad: bad && index === at }));
}

/** Whether a read-back differs from what was asked. */
export function differs(command: Command): boolean {
  const back = command.read_back;
  if (back === null || back === undefined) return false;
  return Math.abs(back - command.value) > Math.max(1e-6, Math.abs(command.value) * 0.01);
}

