//! Commands: what may be commanded, what was, and what holds now.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Empty, Page, Search, Segments, Table, Time } from '../../design';
import { now } from '../../state/now';
import { commands as newest } from '../calls/steering';
import { Shown, useFollow } from '../kit';
import { may, type Place } from '../place';
import type { Command } from '../shapes';
import { CommandDialog } from './CommandDialog';
import { CommandForm } from './CommandForm';
import { type CommandLinks, LeaseLeft, STATE_TONES } from './state';
import { commandSentence, endsAt, isHolding } from './words';

type Filter = 'all' | 'holding' | 'going' | 'failed';
const FILTERS = [{ value: 'all', text: 'all' }, { value: 'holding', text: 'holding now' }, { value: 'going', text: 'under way' }, { value: 'failed', text: 'not done' }] as const;

export function Commands({ place, links, series }: { place: Place; links: CommandLinks; series?: string | undefined }): JSX.Element {
  const [filter, setFilter] = useState<Filter>('all');
  const [search, setSearch] = useState('');
  const [sending, setSending] = useState(series !== undefined);
  const [opened, setOpened] = useState<string>();
  const [limit, setLimit] = useState(200);
  const commands = useAsked(`${place.operator}/${place.site}/${String(limit)}`, (signal) => newest(place, { limit }, signal), { everyMs: 10_000 });
  useFollow(place, 'commands', commands.again);
  const operator = may(place, 'operator');
  const begin = () => { setSending(true); };
  return (
    <Page title="Commands" about={operator ? undefined : 'You may look; who has the role operator may send'} actions={operator && <Button kind="primary" icon="command" onClick={begin}>Send a command</Button>}>
      <div class="row" role="search" aria-label="Commands">
        <Search label="Search by channel or person" value={search} onValue={setSearch} />
        <Segments label="Which" options={FILTERS} value={filter} onChange={setFilter} />
      </div>
      <Shown of={commands} what="commands">
        {(page) => (
          <>
            <Table label="Commands" columns={COLUMNS} rows={page.items.filter((each) => fits(each, filter, search, now.value))} rowKey={(each) => each.id} onOpen={(each) => { setOpened(each.id); }}
              empty={page.items.length === 0
                ? <Empty icon="command" title="No command yet" action={operator && <Button onClick={begin}>Send a command</Button>}>What is sent to devices stands here, with what became of it.</Empty>
                : <Empty icon="search" title="No command fits" action={<Button onClick={() => { setFilter('all'); setSearch(''); }}>Show all</Button>} />} />
            {page.next && <div><Button onClick={() => { setLimit(limit + 200); }} disabled={limit >= 1000}>{limit >= 1000 ? 'The newest 1,000 are shown' : 'Show more'}</Button></div>}
          </>
        )}
      </Shown>
      {sending && operator && <CommandForm place={place} series={series} links={links} onClose={() => { setSending(false); }} onSent={(command) => { setSending(false); setOpened(command.id); commands.again(); }} />}
      {opened !== undefined && <CommandDialog key={opened} place={place} id={opened} links={links} onClose={() => { setOpened(undefined); commands.again(); }} onOpen={setOpened} />}
    </Page>
  );
}

const COLUMNS: Column<Command>[] = [
  { key: 'issued', title: 'When', cell: (each) => <Time us={each.issued_us} none="not written down" />, sort: (each) => each.issued_us ?? null },
  { key: 'series', title: 'Channel', card: 'head', cell: (each) => <span class="wrap">{each.series}</span>, sort: (each) => each.series },
  { key: 'what', title: 'What', cell: (each) => <>{commandSentence(each)}{each.safety && <> <Badge tone="warning" plain>for safety</Badge></>}</> },
  { key: 'state', title: 'State', card: 'side', cell: (each) => <Badge tone={STATE_TONES[each.state]}>{each.state}</Badge>, sort: (each) => each.state },
  { key: 'left', title: 'Lease', align: 'end', cell: (each) => <LeaseLeft command={each} />, sort: endsAt },
  { key: 'by', title: 'By', hide: 'phone', cell: (each) => <span class="muted wrap">{each.by}</span>, sort: (each) => each.by },
];

function fits(command: Command, filter: Filter, search: string, nowUs: number): boolean {
  const text = `${command.series} ${command.by}`.toLowerCase();
  if (!search.toLowerCase().split(/\s+/).every((word) => text.includes(word))) return false;
  switch (filter) {
    case 'all': return true;
    case 'holding': return command.ended && isHolding(command, nowUs);
    case 'going': return !command.ended;
    case 'failed': return command.state === 'refused' || command.state === 'expired' || command.state === 'unknown';
  }
}
