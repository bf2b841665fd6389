// What flows where at a site: the signs of the server's numbers, read once for picture and table.

import type { Schemas } from '../../api/client';
import type { IconName } from '../../design';

export type FlowNode = Schemas['FlowNode'];

/** Less than this is no flow: what meters show of nothing. */
export const IDLE_W = 5;

export type Direction = 'in' | 'out' | 'none';

/**
 * Whether power flows into the house from the node or out of the house to it. Power is positive where it flows into a
 * device; the device of a grid connection is the site itself, so import is positive.
 */
export function direction(node: { kind: string; power_w?: number | null }): Direction {
  const power = node.power_w ?? null;
  if (power === null || Math.abs(power) < IDLE_W) return 'none';
  return (power > 0) === (node.kind === 'grid') ? 'in' : 'out';
}

const WORDS: Record<string, { in: string; out: string }> = {
  grid: { in: 'Importing', out: 'Exporting' },
  pv: { in: 'Producing', out: 'Own use' },
  genset: { in: 'Producing', out: 'Own use' },
  battery: { in: 'Discharging', out: 'Charging' },
  ev: { in: 'Discharging', out: 'Charging' },
  unmeasured: { in: 'From unknown', out: 'Not explained' },
};

export function word(node: { kind: string; power_w?: number | null }): string {
  if ((node.power_w ?? null) === null) return 'Not measured';
  const way = direction(node);
  if (way === 'none') return 'Idle';
  return (WORDS[node.kind] ?? { in: 'Feeding in', out: 'Using' })[way];
}

export type Place = 'supply' | 'storage' | 'use';

export function place(kind: string): Place {
  if (['grid', 'pv', 'genset'].includes(kind)) return 'supply';
  return kind === 'battery' ? 'storage' : 'use';
}

const ICONS: Record<string, IconName> = { grid: 'grid', pv: 'pv', battery: 'battery', ev: 'ev', heat_pump: 'heat_pump', genset: 'genset', unmeasured: 'unmeasured' };

export function icon(kind: string): IconName {
  return ICONS[kind] ?? 'load';
}

/** What the house uses: all that flows into what is not grid, source or storage. Null where nothing of it is measured. */
export function consumption(nodes: readonly FlowNode[]): number | null {
  const powers = nodes.filter((node) => place(node.kind) === 'use').map((node) => node.power_w ?? null).filter((power) => power !== null);
  return powers.length === 0 ? null : powers.reduce((sum, power) => sum + power, 0);
}

/** Where the power comes from at this moment, as shares of all that flows in. */
export function shares(nodes: readonly FlowNode[]): { id: string; kind: string; share: number }[] {
  const sources = nodes.filter((node) => direction(node) === 'in' && !node.stale);
  const total = sources.reduce((sum, node) => sum + Math.abs(node.power_w ?? 0), 0);
  return sources.map((node) => ({ id: node.id, kind: node.kind, share: Math.abs(node.power_w ?? 0) / total }));
}

/** How fast the dashes go, in pixels a second: the site's own largest flow sets the scale, in steps of ten. */
export function speed(power: number | null | undefined, largest: number): number {
  const full = 10 ** Math.ceil(Math.log10(Math.max(largest, 1_000)));
  return 14 + 86 * Math.sqrt(Math.min(1, Math.abs(power ?? 0) / full));
}

/** Takes a reading into its node. What is told of no series is the rest of the others, so it moves with them. */
export function withReading(nodes: readonly FlowNode[], values: ReadonlyMap<string, { us: number; value: number | null }>): FlowNode[] {
  const next = nodes.map((node) => {
    const found = node.series ? values.get(node.series) : undefined;
    if (!found || found.us < (node.time_us ?? 0)) return node;
    return { ...node, power_w: found.value, time_us: found.us, stale: false };
  });
  const rest = next.find((node) => node.kind === 'unmeasured');
  const grid = next.filter((node) => node.kind === 'grid');
  const others = next.filter((node) => node.kind !== 'grid' && node.kind !== 'unmeasured');
  const known = [...grid, ...others].every((node) => (node.power_w ?? null) !== null && !node.stale);
  if (!rest || grid.length === 0 || !known) return next;
  const sum = (list: FlowNode[]) => list.reduce((total, node) => total + (node.power_w ?? 0), 0);
  const unexplained = sum(grid) - sum(others);
  return next.map((node) => (node === rest ? { ...node, power_w: unexplained } : node));
}
