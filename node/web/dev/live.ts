// Server-sent events of the made-up street: readings of the asked sites once a second.

import type { ServerResponse } from 'node:http';

import { CHANNELS, valueOf } from './street';

export function live(query: URLSearchParams, response: ServerResponse): void {
  response.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-store' });
  const say = (event: string, data: unknown) => {
    const us = Date.now() * 1000;
    response.write(`event: ${event}\nid: ${String(us)}\ndata: ${JSON.stringify(data)}\n\n`);
  };
  say('hello', { now_us: Date.now() * 1000, cursor: '0', resumed: false });
  const sites = [...new Set([query.get('site'), ...query.getAll('series').map((one) => one.split('.')[0])])].filter((one) => one);
  const readings = setInterval(() => {
    if (!(query.get('topics') ?? '').includes('readings')) return;
    const s = Date.now() / 1000;
    const series = sites.flatMap((site) => CHANNELS.filter((one) => !one.channel.startsWith('heat')).map((one) => `${String(site)}.${one.channel}`));
    say('readings', { series, time_us: series.map(() => Math.round(s * 1e6)), value: series.map((name) => valueOf(name.split('.').slice(1).join('.'), s)) });
  }, 1000);
  const beat = setInterval(() => { say('beat', { now_us: Date.now() * 1000 }); }, 5000);
  response.on('close', () => { clearInterval(readings); clearInterval(beat); });
}
