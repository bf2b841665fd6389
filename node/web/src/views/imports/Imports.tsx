//! Imports of a site: taking a file in, and what became of those before.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Confirm, Empty, Page, Section, Table, Time, toast } from '../../design';
import { text } from '../../units';
import { cancelImport, imports as fetchImports } from '../calls/history';
import { Shown } from '../kit';
import type { Place } from '../place';
import type { Import } from '../shapes';
import { isGoing, STATE_TONES } from './state';
import { ReportDialog } from './ReportDialog';
import { Upload } from './Upload';

export function Imports({ place, opened }: { place: Place; opened?: string | undefined }): JSX.Element {
  const imports = useAsked(`${place.operator}/${place.site}`, (signal) => fetchImports(place, signal), { everyMs: 2_000 });
  const [shown, setShown] = useState(opened);
  const [ending, setEnding] = useState<Import>();
  const end = async (one: Import) => {
    await cancelImport(place, one.id);
    toast(`${one.name} is cancelled`);
    imports.again();
  };
  return (
    <Page title="Imports" about="CSV, Parquet, JSON lines, Green Button, Home Assistant: what a file is, is told by its content">
      <Upload place={place} onDone={(one) => { setShown(one.id); imports.again(); }} />
      <Section title="History">
        <Shown of={imports} what="imports">
          {(page) => <Table label="Imports" columns={columns(setEnding)} rows={page.items} rowKey={(one) => one.id} onOpen={(one) => { setShown(one.id); }} empty={<Empty icon="upload" title="No file was taken in yet">Try it first: nothing is written then, and you see what is understood.</Empty>} />}
        </Shown>
      </Section>
      {shown !== undefined && <ReportDialog key={shown} place={place} id={shown} onClose={() => { setShown(undefined); imports.again(); }} />}
      {ending && <Confirm title={`Cancel the import of ${ending.name}?`} act="Cancel the import" danger onConfirm={() => end(ending)} onClose={() => { setEnding(undefined); }}><p>What it has written stays. Taking the same file in again writes nothing twice.</p></Confirm>}
    </Page>
  );
}

function columns(end: (one: Import) => void): Column<Import>[] {
  return [
    { key: 'name', title: 'File', cell: (one) => <><strong class="wrap">{one.name}</strong>{one.dry_run && <> <Badge plain>tried</Badge></>}</>, sort: (one) => one.name },
    { key: 'state', title: 'State', card: 'side', cell: (one) => <><Badge tone={STATE_TONES[one.state]}>{one.state}</Badge>{isGoing(one) && one.part !== null && <span class="muted small number"> {text(one.part, '1', { digits: 0 })}</span>}</>, sort: (one) => one.state },
    { key: 'rows', title: 'Rows', align: 'end', cell: (one) => <span class="number">{one.rows.toLocaleString('en-GB')}</span>, sort: (one) => one.rows },
    { key: 'refused', title: 'Refused', align: 'end', hide: 'phone', cell: (one) => <span class="number">{one.report?.refused ? one.report.refused.count.toLocaleString('en-GB') : ''}</span>, sort: (one) => one.report?.refused?.count ?? null },
    { key: 'size', title: 'Size', align: 'end', hide: 'phone', cell: (one) => <span class="number">{text(one.total_bytes ?? one.bytes, 'B')}</span>, sort: (one) => one.total_bytes ?? one.bytes },
    { key: 'begun', title: 'Begun', cell: (one) => <><Time us={one.begun_us} /> <span class="faint small">by {one.by}</span></>, sort: (one) => one.begun_us },
    { key: 'act', title: 'Cancel', align: 'end', card: 'foot', cell: (one) => (isGoing(one) ? <Button onClick={() => { end(one); }} aria-label={`Cancel ${one.name}`}>Cancel …</Button> : null) },
  ];
}
