// A street that is made up, for work on the page without a server. `ROUTES` is added to as views need it.

import type { IncomingMessage, ServerResponse } from 'node:http';

import { live } from './live';
import { pages } from './routes';

export interface Asked {
  method: string;
  path: string;
  query: URLSearchParams;
  body: unknown;
}

const signedIn = { yes: process.env.MEMCORE_MOCK !== 'out' };

export function handle(request: IncomingMessage, response: ServerResponse, next: () => void): void {
  const url = new URL(request.url ?? '/', 'http://mock');
  if (!url.pathname.startsWith('/api/v1/')) { next(); return; }
  const path = url.pathname.slice('/api/v1'.length);
  if (path.endsWith('/live')) { live(url.searchParams, response); return; }
  const chunks: Buffer[] = [];
  request.on('data', (chunk: Buffer) => chunks.push(chunk));
  request.on('end', () => {
    const text = Buffer.concat(chunks).toString();
    const body: unknown = text === '' ? null : JSON.parse(text);
    const { status, answer } = pages({ method: request.method ?? 'GET', path, query: url.searchParams, body }, signedIn);
    response.statusCode = status;
    response.setHeader('Content-Type', status < 400 ? 'application/json' : 'application/problem+json');
    response.end(status === 204 ? '' : JSON.stringify(answer));
  });
}
