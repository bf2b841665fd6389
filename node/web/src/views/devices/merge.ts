//! What a device's channels read now: what was asked for, and on top of it what arrived.

import type { Channel } from '../shapes';

export type Reading = NonNullable<Channel['latest']>;

/** Channels with what arrived since: the newer one counts, and what has just arrived is not stale. */
export function withLatest(channels: readonly Channel[], latest: ReadonlyMap<string, Reading>, nowUs: number): Channel[] {
  return channels.map((channel) => {
    const reading = latest.get(channel.series);
    if (reading === undefined || reading.time_us <= (channel.latest?.time_us ?? -Infinity)) return channel;
    const oldest = channel.max_age_us ?? Infinity;
    return { ...channel, latest: reading, stale: nowUs - reading.time_us > oldest };
  });
}
