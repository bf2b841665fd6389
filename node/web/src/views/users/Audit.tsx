//! The audit trail: who did what, and when.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Button, type Column, Empty, Field, Segments, Table, Time } from '../../design';
import { audit as fetchAudit } from '../calls/people';
import { Shown } from '../kit';
import type { AuditEntry } from '../shapes';

const LENGTHS = [{ value: '-1d', text: '1 day' }, { value: '-7d', text: '7 days' }, { value: '-30d', text: '30 days' }, { value: '', text: 'all' }] as const;

export function Audit(): JSX.Element {
  const [from, setFrom] = useState<(typeof LENGTHS)[number]['value']>('-7d');
  const [typed, setTyped] = useState({ by: '', kind: '' });
  const [asked, setAsked] = useState(typed);
  const [limit, setLimit] = useState(200);
  const trail = useAsked(`${from}/${asked.by}/${asked.kind}/${String(limit)}`, (signal) => fetchAudit({ from, by: asked.by, kind: asked.kind, limit }, signal));
  return (
    <>
      <form class="row" role="search" aria-label="Audit trail" onSubmit={(event) => { event.preventDefault(); setAsked({ by: typed.by.trim(), kind: typed.kind.trim() }); }}>
        <Segments label="Over the last" options={LENGTHS} value={from} onChange={setFrom} />
        <Field label="By" value={typed.by} onValue={(by) => { setTyped({ ...typed, by }); }} spellcheck={false} />
        <Field label="Kind" value={typed.kind} onValue={(kind) => { setTyped({ ...typed, kind }); }} spellcheck={false} />
        <Button type="submit">Search</Button>
      </form>
      <Shown of={trail} what="audit trail">
        {(page) => (
          <>
            <Table label="Audit trail" columns={COLUMNS} rows={page.items} rowKey={(entry) => String(entry.number)} empty={<Empty icon="book" title="Nothing was written down then" />} />
            {page.next && <div><Button disabled={limit >= 1000} onClick={() => { setLimit(limit + 400); }}>{limit >= 1000 ? 'The newest 1,000 are shown: narrow the search for others' : 'Show more'}</Button></div>}
          </>
        )}
      </Shown>
    </>
  );
}

const COLUMNS: Column<AuditEntry>[] = [
  { key: 'time', title: 'When', cell: (entry) => <Time us={entry.time_us} absolute />, sort: (entry) => entry.time_us },
  { key: 'by', title: 'By', cell: (entry) => <span class="wrap">{entry.by ?? ''}</span>, sort: (entry) => entry.by ?? null },
  { key: 'kind', title: 'What', card: 'side', cell: (entry) => entry.kind.replaceAll('_', ' '), sort: (entry) => entry.kind },
  { key: 'about', title: 'About', cell: (entry) => <span class="cell small muted wrap">{about(entry)}</span> },
];

/** What else an entry says, as it is written down. */
function about(entry: AuditEntry): string {
  const said = Object.entries<unknown>({ device: entry.device, ...entry.details }).filter(([, value]) => value !== null && value !== undefined && value !== '');
  return said.map(([name, value]) => `${name.replaceAll('_', ' ')} ${typeof value === 'string' ? value : JSON.stringify(value)}`).join(', ');
}
