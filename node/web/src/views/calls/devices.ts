//! Devices and channels.

import { call } from '../call';
import { type Place, sitePath } from '../place';
import type { Channel, Device, Enrolled, Rate } from '../shapes';
import { all } from './pages';

const path = (place: Place, device?: string) => `${sitePath(place)}/devices${device === undefined ? '' : `/${encodeURIComponent(device)}`}`;

/** Every device of the site: a table of them is filtered as one types. */
export const devices = (place: Place, signal?: AbortSignal) => all<Device>(path(place), {}, signal);
export const device = (place: Place, name: string, signal?: AbortSignal) => call<Device>('get', path(place, name), { signal });
export const enrol = (place: Place, name: string, proof: 'secret' | 'certificate') => call<Enrolled>('post', path(place), { body: { device: name, proof } });
export const rotate = (place: Place, name: string, proof: 'secret' | 'certificate', overlap: string) =>
  call<Enrolled>('post', `${path(place, name)}/proofs`, { body: { proof, overlap } });
export const limitRate = (place: Place, name: string, rate: Rate) => call<Device>('patch', path(place, name), { body: rate });
export const revoke = (place: Place, name: string) => call<undefined>('delete', path(place, name));

export const channels = (place: Place, query: { device?: string; writable?: boolean; quantity?: string } = {}, signal?: AbortSignal) =>
  all<Channel>(`${sitePath(place)}/channels`, query, signal);

