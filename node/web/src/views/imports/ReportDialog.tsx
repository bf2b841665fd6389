//! One import: how far it is, what was understood, what was refused and why.

import type { JSX } from 'preact';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Dialog, Facts, Note, Section, Table, Time } from '../../design';
import { importOf } from '../calls/history';
import { Shown } from '../kit';
import type { Place } from '../place';
import type { Import, ImportReport } from '../shapes';
import { isGoing, STATE_TONES } from './state';

export function ReportDialog({ place, id, onClose }: { place: Place; id: string; onClose: () => void }): JSX.Element {
  const one = useAsked(id, (signal) => importOf(place, id, signal), { everyMs: 1_000 });
  return (
    <Dialog title={one.data?.name ?? 'Import'} wide onClose={onClose} foot={<Button kind="primary" onClick={onClose}>Close</Button>}>
      <Shown of={one} what="import">{(found) => <Told one={found} />}</Shown>
    </Dialog>
  );
}

const WORDS: Record<Import['state'], string> = {
  receiving: 'The file is being received.', queued: 'It waits for its turn.', running: 'It is being read.', done: 'It was taken in.', failed: 'It failed.', cancelled: 'It was cancelled; what it had written stays.',
};

function Told({ one }: { one: Import }): JSX.Element {
  const tried = one.dry_run && one.state === 'done';
  return (
    <>
      <p role="status"><Badge tone={STATE_TONES[one.state]}>{one.state}</Badge> {tried ? 'It was tried, and nothing was written.' : WORDS[one.state]}</p>
      {isGoing(one) && (one.part === null ? <progress class="lease" aria-label="Being read" /> : <progress class="lease" max={1} value={one.part} aria-label="Read so far" />)}
      {one.problem !== null && <Note tone="critical" title="Why it failed"><p class="wrap">{one.problem}</p></Note>}
      <Facts facts={[
        ['Rows read', <span class="number">{count(one.rows)}</span>], ['Values', <span class="number">{count(one.points)}</span>],
        ['Begun', <><Time us={one.begun_us} absolute /> by {one.by}</>], ...(one.ended_us === null ? [] : [['Ended', <Time us={one.ended_us} absolute />] as const]),
      ]} />
      {one.report && <Report report={one.report} tried={one.dry_run} />}
    </>
  );
}

function count(value: number | undefined): string {
  return (value ?? 0).toLocaleString('en-GB');
}

function Report({ report, tried }: { report: ImportReport; tried: boolean }): JSX.Element {
  const understood = report.understood;
  const refused = report.refused;
  return (
    <>
      <Section title={tried ? 'What would be written' : 'What was written'}>
        <Facts facts={[
          ['Stored', <span class="number">{count(report.points)} values</span>], ['There already', <span class="number">{count(report.repeated)}</span>],
          ['Gaps', <span class="number">{count(report.gaps)} empty, {count(report.invalid)} said "not measured", {count(report.out_of_range)} out of range</span>],
          ...(typeof report.first_us === 'number' ? [['Times', <><Time us={report.first_us} absolute /> to <Time us={report.last_us} absolute /></>] as const] : []),
        ]} />
        {report.series && report.series.length > 0 && <Table label="Series" columns={SERIES} rows={report.series} rowKey={(one) => one.series} />}
      </Section>
      {understood && <Understood understood={understood} />}
      {refused && refused.count > 0 && (
        <Section title={`Refused: ${count(refused.count)}`}>
          <Table label="Refused rows" columns={REFUSED} rows={refused.first ?? []} rowKey={(row) => `${String(row.row)}/${row.reason}`} />
          {(refused.first?.length ?? 0) < refused.count && <p class="muted">The first {refused.first?.length ?? 0} are shown.</p>}
        </Section>
      )}
    </>
  );
}

function Understood({ understood }: { understood: NonNullable<ImportReport['understood']> }): JSX.Element {
  const { time, columns } = understood;
  return (
    <Section title="What was understood">
      <Facts facts={[
        ...(understood.format ? [['Format', understood.format] as const] : []),
        ...(time ? [['Times', `${(time.columns ?? []).join(', ')}${time.form ? `, ${time.form}` : ''}${time.zone ? `, zone ${time.zone}` : ''}`] as const] : []),
      ]} />
      {(understood.notes ?? []).map((note) => <Note key={note} tone="info">{note}</Note>)}
      {columns && columns.length > 0 && <Table label="Columns" columns={COLUMNS} rows={columns} rowKey={(column) => column.column} />}
    </Section>
  );
}

type OneSeries = NonNullable<ImportReport['series']>[number];
const SERIES: Column<OneSeries>[] = [
  { key: 'series', title: 'Series', cell: (one) => <>{one.series}{one.new && <> <Badge tone="accent" plain>new</Badge></>}</>, sort: (one) => one.series },
  { key: 'unit', title: 'Unit in the file', cell: (one) => one.unit },
  { key: 'points', title: 'Values', align: 'end', cell: (one) => <span class="number">{count(one.points)}</span>, sort: (one) => one.points },
];

type OneColumn = NonNullable<NonNullable<ImportReport['understood']>['columns']>[number];
const COLUMNS: Column<OneColumn>[] = [
  { key: 'column', title: 'Column', cell: (one) => one.column },
  { key: 'series', title: 'Becomes', cell: (one) => one.series ?? <span class="muted">{one.skipped ? `left out: ${one.skipped}` : 'nothing'}</span> },
  { key: 'unit', title: 'Unit', cell: (one) => one.unit ?? '' },
];

type Row = NonNullable<NonNullable<ImportReport['refused']>['first']>[number];
const REFUSED: Column<Row>[] = [
  { key: 'at', title: 'Line', align: 'end', cell: (row) => <span class="number">{count(row.line ?? row.row)}</span>, sort: (row) => row.line ?? row.row },
  { key: 'reason', title: 'Why', cell: (row) => <span class="wrap">{row.reason}</span> },
  { key: 'text', title: 'What it says', cell: (row) => <code class="wrap">{row.text}</code> },
];
