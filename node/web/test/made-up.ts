// The built page under its content policy, with the made-up street of `dev` behind it: what does not need a server.

import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { Page, Route } from '@playwright/test';

import { pages } from '../dev/routes';

export const ORIGIN = 'http://localhost';
const POLICY = "default-src 'self'; img-src 'self' data:; object-src 'none'; base-uri 'none'; form-action 'self'; frame-ancestors 'self'";
const TYPES: Record<string, string> = { html: 'text/html', js: 'text/javascript', css: 'text/css', svg: 'image/svg+xml' };
const DIST = join(import.meta.dirname, '..', 'dist');

export interface Street {
  signedIn: { yes: boolean };
  /** Nothing answers. */
  offline: boolean;
  /** What was asked for, by path. */
  asked: string[];
  /** Answers in place of the usual ones, by path. */
  answers: Record<string, (answer: unknown) => unknown>;
  /** What the live stream says when it is opened; without, it stays silent. */
  live?: string;
}

export async function open(page: Page, hash: string, change: Partial<Street> = {}): Promise<Street> {
  const street: Street = { signedIn: { yes: true }, offline: false, asked: [], answers: {}, ...change };
  await page.route(`${ORIGIN}/**`, (route) => serve(route, street));
  await page.goto(`${ORIGIN}/${hash}`);
  return street;
}

async function serve(route: Route, street: Street): Promise<void> {
  const request = route.request();
  const url = new URL(request.url());
  if (!url.pathname.startsWith('/api/v1/')) { await file(route, url.pathname); return; }
  if (street.offline) { await route.abort('connectionrefused'); return; }
  const path = url.pathname.slice('/api/v1'.length);
  street.asked.push(path);
  if (path.endsWith('/live')) {
    if (street.live !== undefined) await route.fulfill({ status: 200, contentType: 'text/event-stream', body: street.live });
    return;
  }
  const body: unknown = request.postData() === null ? null : request.postDataJSON();
  const { status, answer } = pages({ method: request.method(), path, query: url.searchParams, body }, street.signedIn);
  const own = street.answers[path];
  const text = status === 204 ? '' : JSON.stringify(own ? own(answer) : answer);
  await route.fulfill({ status, contentType: status < 400 ? 'application/json' : 'application/problem+json', body: text });
}

async function file(route: Route, path: string): Promise<void> {
  const name = path === '/' ? 'index.html' : path;
  const body = await readFile(join(DIST, name)).catch(() => null);
  if (body === null) { await route.fulfill({ status: 404, body: '' }); return; }
  await route.fulfill({ status: 200, body, headers: { 'content-security-policy': POLICY, 'content-type': TYPES[name.split('.').at(-1) ?? ''] ?? 'application/octet-stream' } });
}
