//! How a device is, as a word with a colour.

import type { JSX } from 'preact';

import { Badge, type Tone } from '../../design';
import type { Device, Health } from '../shapes';

const TONES: Record<Health, Tone | undefined> = { ok: 'good', stale: 'warning', offline: 'critical', never: undefined };
const NAMES: Record<Health, string> = { ok: 'ok', stale: 'stale', offline: 'offline', never: 'never seen' };

export function HealthBadge({ device }: { device: Pick<Device, 'health'> }): JSX.Element {
  return <Badge tone={TONES[device.health]}>{NAMES[device.health]}</Badge>;
}

export function healthName(health: Health): string {
  return NAMES[health];
}
