//! Energy, findings and imports.

import { BASE } from '../../api/client';
import { asProblem, problemOf } from '../../api/problem';
import { call } from '../call';
import type { Asked } from '../energy/period';
import { type Place, sitePath } from '../place';
import type { Balance, Findings, Import } from '../shapes';
import { page } from './pages';

export const balance = (place: Place, period: Asked, zone: string, signal?: AbortSignal) =>
  call<Balance>('get', `${sitePath(place)}/balance`, { query: { from: period.from.toISOString(), to: period.to.toISOString(), every: period.every, zone }, signal });

export const findings = (place: Place, query: { series?: string; from?: string; to?: string }, signal?: AbortSignal) =>
  call<Findings>('get', `${sitePath(place)}/findings`, { query, signal });

const path = (place: Place, id?: string) => `${sitePath(place)}/imports${id === undefined ? '' : `/${encodeURIComponent(id)}`}`;
export const imports = (place: Place, signal?: AbortSignal) => page<Import>(path(place), { limit: 100 }, signal);
export const importOf = (place: Place, id: string, signal?: AbortSignal) => call<Import>('get', path(place, id), { signal });
export const cancelImport = (place: Place, id: string) => call<Import>('delete', path(place, id));

/** What is told with a file. */
export interface ImportOptions { dry_run: boolean; device?: string; unit?: string; zone?: string }

/** Sends a file. Only `XMLHttpRequest` says how far it is. */
export function upload(place: Place, file: File, options: ImportOptions, csrf: string | null, progress: (share: number) => void, signal: AbortSignal): Promise<Import> {
  return new Promise((done, failed) => {
    const request = new XMLHttpRequest();
    const said = Object.entries({ ...options, name: file.name.slice(0, 200), dry_run: options.dry_run ? 'true' : '' }).filter(([, value]) => value !== '');
    request.open('POST', `${BASE}/api/v1${path(place)}?${new URLSearchParams(said).toString()}`);
    if (csrf !== null) request.setRequestHeader('X-CSRF-Token', csrf);
    request.setRequestHeader('Content-Type', 'application/octet-stream');
    request.upload.addEventListener('progress', (event) => { progress(event.total > 0 ? event.loaded / event.total : 0); });
    request.addEventListener('error', () => { failed(asProblem(new TypeError('network'))); });
    request.addEventListener('abort', () => { failed(new DOMException('cancelled', 'AbortError')); });
    request.addEventListener('load', () => {
      if (request.status < 400) done(parsed(request.responseText) as Import);
      else failed(problemOf(request.status, parsed(request.responseText)));
    });
    signal.addEventListener('abort', () => { request.abort(); });
    request.send(file);
  });
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
