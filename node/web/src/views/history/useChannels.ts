import { useMemo } from 'preact/hooks';

import { all, ask, api, type Schemas } from '../../api/client';
import { useAsked } from '../../api/use';

export type Channel = Schemas['Channel'];

/** What an installer wrote to a channel, as text. */
export function labelOf(channel: Channel | undefined): string {
  return Object.values(channel?.labels ?? {}).join(', ');
}

/** All channels of a site, by the names of their series. */
export function useChannels(operator: string, site: string) {
  const asked = useAsked(`${operator}/${site}`, (signal) => all((cursor) => ask(api.GET('/api/v1/operators/{operator}/sites/{site}/channels', {
    params: { path: { operator, site }, query: { limit: 1000, ...(cursor === undefined ? {} : { cursor }) } }, signal,
  }))));
  const byName = useMemo(() => new Map((asked.data ?? []).map((channel) => [channel.series, channel])), [asked.data]);
  return { ...asked, byName };
}
