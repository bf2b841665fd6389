import { useMemo, useState } from 'preact/hooks';

import { Check, Dialog, Empty, ProblemNote, Search, Skeleton, Value } from '../../design';
import { labelOf, type useChannels, type Channel } from './useChannels';

/** More than this are narrowed by searching: nobody reads on. */
const MOST_SHOWN = 200;
/** As many as the API draws at once, and more than can be told apart. */
const MOST_CHOSEN = 12;

interface Props {
  channels: ReturnType<typeof useChannels>;
  chosen: readonly string[];
  onChange: (series: readonly string[]) => void;
  onClose: () => void;
}

export function Picker({ channels, chosen, onChange, onClose }: Props) {
  const [search, setSearch] = useState('');
  const found = useMemo(() => matching(channels.data ?? [], search), [channels.data, search]);
  const full = chosen.length >= MOST_CHOSEN;
  return (
    <Dialog title="Series of the chart" onClose={onClose}>
      <Search label="Search by name, quantity or unit" value={search} onValue={setSearch} />
      {channels.problem && <ProblemNote problem={channels.problem} again={channels.again} />}
      {channels.loading && <Skeleton height="12rem" />}
      {channels.data && found.length === 0 && <Empty icon="search" title="No series of that name" />}
      <ul class="picker">
        {found.slice(0, MOST_SHOWN).map((channel) => {
          const on = chosen.includes(channel.series);
          return (
            <li key={channel.series}>
              <Check checked={on} disabled={full && !on} onValue={(yes) => { onChange(yes ? [...chosen, channel.series] : chosen.filter((one) => one !== channel.series)); }}
                label={<><span class="wrap">{channel.series}</span><span class="faint"> {labelOf(channel)}</span></>} />
              <span class="push small">{channel.latest ? <Value value={channel.latest.value} unit={channel.unit} stale={channel.stale} /> : <span class="faint">no data</span>}</span>
            </li>
          );
        })}
      </ul>
      {found.length > MOST_SHOWN && <p class="faint small">{found.length - MOST_SHOWN} more: search to see them.</p>}
      {full && <p class="faint small">{MOST_CHOSEN} series are as many as one chart takes.</p>}
    </Dialog>
  );
}

function matching(channels: readonly Channel[], search: string): Channel[] {
  const words = search.toLowerCase().split(/\s+/).filter((word) => word !== '');
  return channels.filter((one) => {
    const about = `${one.series} ${labelOf(one)} ${one.quantity} ${one.unit}`.toLowerCase();
    return words.every((word) => about.includes(word));
  });
}
