//! How far a command is, as a colour beside its word; what is left of its lease; where its links lead.

import type { JSX } from 'preact';

import type { Tone } from '../../design';
import { now } from '../../state/now';
import type { Command, CommandState } from '../shapes';
import { clock } from './span';
import { endsAt, isHolding } from './words';

export interface CommandLinks { why: (series: string, atUs: number) => string; control: string }

export const STATE_TONES: Record<CommandState, Tone | undefined> = {
  queued: 'info', sent: 'info', accepted: 'info', done: 'good', refused: 'critical', expired: undefined, unknown: 'warning',
};

/** What is left of a lease, counting down. */
export function LeaseLeft({ command }: { command: Command }): JSX.Element | null {
  if (!isHolding(command, now.value)) return null;
  const end = endsAt(command);
  return end === null ? <span class="muted">no end</span> : <span class="number">{clock(end - now.value)}</span>;
}
