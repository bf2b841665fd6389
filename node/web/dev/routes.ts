// Answers of the made-up street.

import type { Asked } from './mock';
import { CHANNELS, NODES, power, SITES, valueOf } from './street';

interface Answered { status: number; answer: unknown }

const ok = (answer: unknown): Answered => ({ status: 200, answer });
const problem = (status: number, title: string, detail: string, field: string | null = null): Answered =>
  ({ status, answer: { type: 'about:blank', status, title, detail, code: title.toUpperCase().replace(/ /g, '_'), field } });
const list = (items: unknown[]) => ok({ items, next: null });

const session = () => ({ user: 'ada', display_name: 'Ada', roles: { '*': 'admin' }, via: 'session', csrf: 'mock', expires_us: Date.now() * 1000 + 8 * 3.6e9, version: '0.1.0' });

export function pages(asked: Asked, signedIn: { yes: boolean }): Answered {
  const { method, path } = asked;
  if (path === '/session/methods') return ok({ password: true, oidc: { name: 'Keycloak' }, first_start: false });
  if (path === '/session' && method === 'POST') {
    const { password } = asked.body as { password: string };
    if (password === 'wrong') return problem(401, 'Unauthorized', 'user or password is not right');
    signedIn.yes = true;
    return ok(session());
  }
  if (path.startsWith('/invitations/')) {
    if (method === 'POST') { signedIn.yes = true; return ok(session()); }
    return ok({ kind: path.split('/')[2], user: path.endsWith('reset') ? 'ada' : null, expires_us: Date.now() * 1000 + 3.6e9 });
  }
  if (!signedIn.yes) return problem(401, 'Unauthorized', 'expected a session');
  if (path === '/session') {
    if (method === 'DELETE') { signedIn.yes = false; return { status: 204, answer: null }; }
    return ok(session());
  }
  if (path === '/operators') return list([...new Set(SITES.map((one) => one.operator))].map((operator) => ({ operator, role: 'admin', sites: 3, devices: 12, connected: 11, alarms: { critical: 0, warning: 1, info: 0 } })));
  const operator = /^\/operators\/([^/]+)\/sites$/.exec(path)?.[1];
  if (operator) return list(SITES.filter((one) => one.operator === operator).map((one, index) => summary(one, index)));
  const [, owner = '', site = '', rest = ''] = /^\/operators\/([^/]+)\/sites\/([^/]+)\/?(.*)$/.exec(path) ?? [];
  const at = SITES.findIndex((one) => one.operator === owner && one.site === site);
  const found = SITES[at];
  if (!found) return problem(404, 'Not found', `no site ${path}`);
  if (rest === '') return ok(summary(found, at));
  return ofSite(site, rest, asked);
}

function ofSite(site: string, rest: string, { query }: Asked): Answered {
  const s = Date.now() / 1000;
  if (rest === 'flow') {
    return ok({
      now_us: s * 1e6, complete: true,
      nodes: NODES.map((node) => ({
        id: node.id, kind: node.kind, name: node.name, power_w: power(node.kind, s), soc: node.kind === 'battery' ? valueOf('battery.soc', s) : null,
        series: node.series && `${site}.${node.series}`, time_us: Math.round((s - (node.kind === 'heat_pump' ? 700 : 1)) * 1e6), stale: node.kind === 'heat_pump',
        limit_w: node.kind === 'grid' ? 11000 : null, target_w: node.kind === 'battery' ? 2400 : null,
      })),
    });
  }
  if (rest === 'channels') {
    return list(CHANNELS.map((one) => {
      const [device = '', ...parts] = one.channel.split('.');
      return { series: `${site}.${one.channel}`, device, channel: parts.join('.'), labels: {}, quantity: one.quantity, unit: one.unit, kind: 'gauge', sign: 'passive', writable: false, range: null, cadence_us: 1e6, max_age_us: 6e7, rules: {}, latest: { time_us: s * 1e6, value: valueOf(one.channel, s), quality: 'measured' }, stale: false };
    }));
  }
  if (rest === 'chart') return chart(query);
  return problem(404, 'Not found', `the mock has no ${rest}`);
}

function summary({ operator, site }: { operator: string; site: string }, index: number) {
  const s = Date.now() / 1000 + index * 977;
  const stale = index % 7 === 4;
  const pv = index % 3 === 2 ? null : power('pv', s);
  return {
    operator, site, devices: 5 + (index % 9), connected: stale ? 0 : 5 + (index % 9) - (index % 5 === 3 ? 1 : 0), channels: 48, last_seen_us: (s - (stale ? 5000 : 2)) * 1e6, controlled: index === 0,
    alarms: { critical: index % 11 === 5 ? 1 : 0, warning: index % 4 === 3 ? 2 : 0, info: 0 },
    power_w: { grid: power('grid', s), pv, battery: power('battery', s), load: power('load', s) }, stale,
  };
}

/** As the store's summaries: raw where there are fewer points (one a second) than columns. */
function chart(query: URLSearchParams): Answered {
  const [from, to] = [Number(query.get('from')), Number(query.get('to'))];
  const width = Number(query.get('width') ?? 800);
  const end = Math.min(to, Date.now() * 1000);
  const start = Math.max(from, Date.now() * 1000 - 3 * 365 * 86_400e6);
  const raw = (to - from) / 1e6 <= width;
  const step = raw ? 1e6 : (to - from) / width;
  return ok({
    from_us: from, to_us: to,
    series: query.getAll('series').map((series) => {
      const channel = series.split('.').slice(1).join('.');
      const time: number[] = [];
      const value: (number | null)[] = [], min: (number | null)[] = [], max: (number | null)[] = [], mean: (number | null)[] = [];
      for (let us = Math.ceil(start / step) * step; us < end; us += step) {
        const tries = raw ? [valueOf(channel, us / 1e6)] : [0, 0.2, 0.4, 0.6, 0.8].map((part) => valueOf(channel, (us + part * step) / 1e6));
        const present = tries.filter((one) => one !== null);
        time.push(Math.round(us));
        value.push(present[0] ?? null);
        min.push(present.length ? Math.min(...present) : null);
        max.push(present.length ? Math.max(...present) : null);
        mean.push(present.length ? present.reduce((sum, one) => sum + one, 0) / present.length : null);
      }
      const about = CHANNELS.find((one) => one.channel === channel);
      return { series, unit: about?.unit ?? 'W', quantity: about?.quantity ?? 'power', raw, time_us: time, value: raw ? value : null, min: raw ? null : min, max: raw ? null : max, mean: raw ? null : mean };
    }),
  });
}
