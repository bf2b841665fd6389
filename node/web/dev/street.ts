// What the made-up street consists of, and what it does at any time.

export interface Node {
  id: string;
  kind: string;
  name: string;
  series: string | null;
}

export const NODES: Node[] = [
  { id: 'grid', kind: 'grid', name: 'Grid', series: 'meter.power' },
  { id: 'pv', kind: 'pv', name: 'Roof', series: 'pv.power' },
  { id: 'battery', kind: 'battery', name: 'Battery', series: 'battery.power' },
  { id: 'ev', kind: 'ev', name: 'Wallbox', series: 'ev.power' },
  { id: 'heat_pump', kind: 'heat_pump', name: 'Heat pump', series: 'heat.power' },
  { id: 'load', kind: 'load', name: 'Kitchen', series: 'hem.node0.power' },
  { id: 'unmeasured', kind: 'unmeasured', name: 'Unmeasured', series: null },
];

const DAY = 86_400;

/** Power in W, passive sign, at a time in seconds. */
export function power(kind: string, s: number): number {
  const hour = ((s % DAY) / 3600 + 24) % 24;
  const season = 0.6 - 0.4 * Math.cos((2 * Math.PI * (s / DAY)) / 365);
  const noise = Math.sin(s / 37) * 0.5 + Math.sin(s / 11.3) * 0.3 + Math.sin(s / 501) * 0.4;
  const sun = Math.max(0, Math.sin(((hour - 6) / 12) * Math.PI));
  switch (kind) {
    case 'pv': return -sun * season * 7800 * (0.85 + 0.15 * noise);
    case 'battery': return hour > 9 && hour < 15 ? 2400 * (1 + 0.1 * noise) : hour > 17 ? -1800 * (1 + 0.1 * noise) : 0;
    case 'ev': return hour > 12 && hour < 14 ? 7360 : 0;
    case 'heat_pump': return Math.sin(s / 900) > 0.2 ? 1450 + 40 * noise : 18;
    case 'load': return 320 + 240 * (hour > 17 && hour < 22 ? 3 : 1) + 140 * noise;
    case 'unmeasured': return 90 + 15 * noise;
    default: return -['pv', 'battery', 'ev', 'heat_pump', 'load', 'unmeasured'].reduce((sum, one) => sum - power(one, s), 0);
  }
}

/** Any channel of the street by the rest of its name; null in the night of an outage. */
export function valueOf(channel: string, s: number): number | null {
  const hour = ((s % DAY) / 3600 + 24) % 24;
  if (channel.startsWith('heat') && hour > 3 && hour < 4) return null;
  const node = NODES.find((one) => one.series === channel);
  if (node) return power(node.kind, s);
  if (channel === 'battery.soc') return 0.5 + 0.4 * Math.sin((2 * Math.PI * s) / DAY);
  if (channel.endsWith('voltage')) return 230 + 3 * Math.sin(s / 600) + Math.sin(s / 7);
  if (channel.endsWith('temperature')) return 12 + 8 * Math.sin((2 * Math.PI * s) / DAY);
  return Math.abs(Math.sin(s / 1000)) * 100;
}

export const CHANNELS: { channel: string; quantity: string; unit: string }[] = [
  ...NODES.flatMap((node) => (node.series === null ? [] : [{ channel: node.series, quantity: 'power', unit: 'W' }])),
  { channel: 'battery.soc', quantity: 'state_of_charge', unit: '1' },
  { channel: 'meter.voltage', quantity: 'voltage', unit: 'V' },
  { channel: 'heat.temperature', quantity: 'temperature', unit: 'degC' },
];

export const SITES: { operator: string; site: string }[] = [
  { operator: 'local', site: 'home1' }, { operator: 'local', site: 'home2' }, { operator: 'local', site: 'farm' },
  ...Array.from({ length: Number(process.env.MEMCORE_MOCK_SITES ?? 12) }, (_, index) => ({ operator: 'acme', site: `house-${String(index + 1)}` })),
];
