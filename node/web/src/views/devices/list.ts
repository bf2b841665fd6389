//! Which devices are shown.

import type { Device, Health } from '../shapes';

/** What needs a look stands first. */
export const HEALTHS: readonly Health[] = ['offline', 'stale', 'never', 'ok'];

/** The devices that fit every word of a search, and a health; by health, then by name. */
export function chosen(devices: readonly Device[], search: string, health: Health | null): Device[] {
  const words = search.toLowerCase().split(/\s+/).filter(Boolean);
  const fits = (device: Device) => (health === null || device.health === health) && words.every((word) => device.name.toLowerCase().includes(word));
  return devices.filter(fits).sort((a, b) => rank(a) - rank(b) || a.device.localeCompare(b.device, 'en', { numeric: true }));
}

/** Where a device's health stands among the others. */
export function rank(device: Device): number {
  return HEALTHS.indexOf(device.health);
}

/** How many devices there are of each health. */
export function counts(devices: readonly Device[]): Record<Health, number> {
  const counted: Record<Health, number> = { ok: 0, stale: 0, offline: 0, never: 0 };
  for (const device of devices) counted[device.health] += 1;
  return counted;
}
