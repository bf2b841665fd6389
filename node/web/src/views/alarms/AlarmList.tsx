//! A list of alarms: the urgent and open first, or those that were.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Empty, Search, Segments, Table, Time } from '../../design';
import { alarms as fetchAlarms } from '../calls/alarms';
import { Shown, useFollow } from '../kit';
import { may, type Place } from '../place';
import type { Alarm, Severity } from '../shapes';
import { AcknowledgeAll } from './AcknowledgeAll';
import { AlarmDialog } from './AlarmDialog';
import { byUrgency } from './rules';
import { SEVERITIES, SEVERITY_TONES } from './tabs';

const WHERE = [{ value: 'site', text: 'this site' }, { value: 'all', text: 'all sites' }] as const;
type Where = (typeof WHERE)[number]['value'];

export function AlarmList({ place, history }: { place: Place; history: boolean }): JSX.Element {
  const [where, setWhere] = useState<Where>('site');
  const [severity, setSeverity] = useState<Severity | 'all'>('all');
  const [search, setSearch] = useState('');
  const [all, setAll] = useState<readonly Alarm[]>();
  const [limit, setLimit] = useState(200);
  const [opened, setOpened] = useState<Alarm>();
  const key = `${place.operator}/${where === 'site' ? place.site : ''}/${String(history)}/${String(limit)}`;
  const site = where === 'site' ? place.site : undefined;
  const alarms = useAsked(key, (signal) => (history ? fetchAlarms(place, { site, state: 'cleared', limit }, signal) : open(place, site, signal)), { everyMs: 15_000 });
  useFollow({ operator: place.operator }, 'alarms', alarms.again);
  const found = (alarms.data?.items ?? []).filter((alarm) => says(alarm, search));
  const shown = found.filter((alarm) => severity === 'all' || alarm.severity === severity);
  const raised = !history && may(place, 'operator') ? shown.filter((alarm) => alarm.state === 'raised') : [];
  const narrowed = search.trim() !== '' || severity !== 'all';
  const widen = () => { setSearch(''); setSeverity('all'); };
  const counted = (name: string, of: Severity | 'all') => {
    const count = found.filter((alarm) => of === 'all' || alarm.severity === of).length;
    return alarms.data ? `${name} ${String(count)}` : name;
  };
  return (
    <>
      <div class="row" role="search" aria-label="Alarms">
        <Search label="Search by rule, place or words" value={search} onValue={setSearch} />
        <Segments label="Where" options={WHERE} value={where} onChange={setWhere} />
        <Segments label="Severity" value={severity} onChange={setSeverity} options={[{ value: 'all', text: counted('all', 'all') }, ...[...SEVERITIES].reverse().map(({ value, text }) => ({ value, text: counted(text, value) }))]} />
        {raised.length > 1 && <span class="push"><Button icon="check" onClick={() => { setAll(raised); }}>Acknowledge {raised.length} …</Button></span>}
      </div>
      <Shown of={alarms} what="alarms">
        {(page) => (
          <>
            <Table label={history ? 'Alarms that were' : 'Open alarms'} columns={columns(history, place, setOpened)} rows={history ? shown : byUrgency(shown)} rowKey={(alarm) => alarm.id} onOpen={setOpened}
              empty={narrowed && page.items.length > 0
                ? <Empty icon="search" title="No alarm fits" action={<Button onClick={widen}>Show all</Button>} />
                : <Empty icon="check" title={history ? 'No alarm has cleared yet' : 'No alarm is open'}>{history ? '' : 'Everything that is watched is as it should be.'}</Empty>} />
            {page.next && <div><Button disabled={limit >= 1000} onClick={() => { setLimit(limit + 400); }}>{limit >= 1000 ? 'The newest 1,000 are shown' : 'Show more'}</Button></div>}
          </>
        )}
      </Shown>
      {all && <AcknowledgeAll place={place} alarms={all} onClose={() => { setAll(undefined); alarms.again(); }} />}
      {opened && <AlarmDialog place={place} alarm={(alarms.data?.items ?? []).find((alarm) => alarm.id === opened.id) ?? opened} onClose={() => { setOpened(undefined); }} onChanged={alarms.again} />}
    </>
  );
}

/** Whether an alarm has all the words that are searched for. */
function says(alarm: Alarm, search: string): boolean {
  const text = `${alarm.rule_name} ${alarm.subject} ${alarm.message}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => text.includes(word));
}

/** What holds: raised, and raised with somebody who knows. */
async function open(place: Place, site: string | undefined, signal: AbortSignal): Promise<{ items: Alarm[]; next?: string | null }> {
  const states = await Promise.all(['raised', 'acknowledged'].map((state) => fetchAlarms(place, { site, state, limit: 1000 }, signal)));
  return { items: states.flatMap((page) => page.items) };
}

function columns(history: boolean, place: Place, acknowledge: (alarm: Alarm) => void): Column<Alarm>[] {
  const operator = may(place, 'operator');
  return [
    { key: 'severity', title: 'Severity', card: 'side', cell: (alarm) => <Badge tone={SEVERITY_TONES[alarm.severity]}>{alarm.severity}</Badge>, sort: (alarm) => ({ critical: 0, warning: 1, info: 2 })[alarm.severity] },
    { key: 'what', title: 'What', card: 'head', cell: (alarm) => <div class="cell"><strong>{alarm.rule_name}</strong><div class="small wrap">{alarm.message}</div></div>, sort: (alarm) => alarm.rule_name },
    { key: 'subject', title: 'Where', cell: (alarm) => <span class="wrap">{alarm.subject}</span>, sort: (alarm) => alarm.subject },
    { key: 'raised', title: 'Raised', cell: (alarm) => <><Time us={alarm.raised_us} />{alarm.count > 1 && <div class="faint small">{alarm.count} times</div>}</>, sort: (alarm) => alarm.raised_us },
    history
      ? { key: 'cleared', title: 'Cleared', cell: (alarm) => <Time us={alarm.cleared_us} />, sort: (alarm) => alarm.cleared_us ?? null }
      : { key: 'known', title: 'Known by', cell: (alarm) => (alarm.acknowledged ? <span class="muted">{alarm.acknowledged.by}</span> : operator ? <Button onClick={() => { acknowledge(alarm); }} aria-label={`Acknowledge ${alarm.rule_name} at ${alarm.subject}`}>Acknowledge</Button> : <span class="faint">nobody</span>) },
  ];
}
