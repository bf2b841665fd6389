//! How an import stands.

import type { Tone } from '../../design';
import type { Import } from '../shapes';

export const STATE_TONES: Record<Import['state'], Tone | undefined> = { receiving: 'info', queued: 'info', running: 'info', done: 'good', failed: 'critical', cancelled: undefined };

/** Whether something is still to come. */
export function isGoing(one: Import): boolean {
  return one.state === 'receiving' || one.state === 'queued' || one.state === 'running';
}
