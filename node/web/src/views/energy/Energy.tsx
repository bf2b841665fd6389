//! Energy by hour, day, month or year: picture, figures, table and file say the same.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Button, Empty, Field, IconButton, Metrics, Note, Page, Segments, Value } from '../../design';
import { note } from '../../router';
import { now } from '../../state/now';
import { zone as preferredZone } from '../../state/preferences';
import { balance as fetchBalance } from '../calls/history';
import { download, Shown } from '../kit';
import type { Place } from '../place';
import type { Balance, BalanceRow } from '../shapes';
import { Bars } from './Bars';
import { BalanceTable } from './BalanceTable';
import { csv } from './csv';
import { asked, type Day, dayIn, isoDay, parseDay, type Reach, reachName, step } from './period';

const REACHES = [{ value: 'day', text: 'Day' }, { value: 'month', text: 'Month' }, { value: 'year', text: 'Year' }, { value: 'all', text: 'Ten years' }] as const;

export function Energy({ place, query }: { place: Place; query: URLSearchParams }): JSX.Element {
  const zone = preferredZone.value;
  const today = dayIn(zone, new Date(now.peek() / 1e3));
  const [reach, setReach] = useState<Reach>(() => REACHES.find((each) => each.value === query.get('by'))?.value ?? 'month');
  const [day, setDay] = useState<Day>(() => parseDay(query.get('day') ?? '') ?? today);
  const period = asked(reach, day, zone);
  const key = `${place.operator}/${place.site}/${zone}/${reach}/${period.from.toISOString()}`;
  const answer = useAsked(key, (signal) => fetchBalance(place, period, zone, signal), { everyMs: 60_000 });
  const move = (nextReach: Reach, nextDay: Day) => {
    setReach(nextReach);
    setDay(nextDay);
    note({ by: nextReach, day: isoDay(nextDay) });
  };
  const ahead = asked(reach, step(reach, day, 1), zone).from.getTime() * 1e3 > now.value;
  return (
    <Page title="Energy" about={`times of ${zone}`} actions={answer.data && <Button icon="download" onClick={() => { if (answer.data) download(`${place.site}-energy-${reach}-${isoDay(day)}.csv`, csv(answer.data), 'text/csv'); }}>CSV</Button>}>
      <div class="row">
        <Segments label="Length" options={REACHES} value={reach} onChange={(next) => { move(next, day); }} />
        <span class="row period">
          <IconButton icon="chevron" label="Earlier" data-turned="" onClick={() => { move(reach, step(reach, day, -1)); }} />
          <strong class="period-name" aria-live="polite">{reachName(reach, day)}</strong>
          <IconButton icon="chevron" label="Later" disabled={ahead} onClick={() => { move(reach, step(reach, day, 1)); }} />
        </span>
        <span class="push day-field"><Field label="Day" type="date" value={isoDay(day)} max={isoDay(today)} onValue={(text) => { const chosen = parseDay(text); if (chosen) move(reach, chosen); }} /></span>
      </div>
      <Shown of={answer} what="energy">{(found) => <Found balance={found} reach={reach} />}</Shown>
    </Page>
  );
}

function Found({ balance, reach }: { balance: Balance; reach: Reach }): JSX.Element {
  if (!balance.rows.some((row) => row.coverage > 0)) {
    return <Empty icon="book" title="Nothing was measured then">{balance.parts.length === 0 ? 'No series of this site says what it is to the energy of the site: a grid meter, production, storage or a load.' : 'Choose another time.'}</Empty>;
  }
  return (
    <>
      <Figures total={balance.total} currency={balance.currency} />
      <Coverage total={balance.total} />
      <Bars balance={balance} reach={reach} />
      <BalanceTable balance={balance} reach={reach} />
    </>
  );
}

function Figures({ total, currency }: { total: BalanceRow; currency: string | null }): JSX.Element {
  return (
    <Metrics metrics={[
      ['Used', <Value value={total.consumed_wh} unit="Wh" />], ['Produced', <Value value={total.produced_wh} unit="Wh" />],
      ['Imported', <Value value={total.import_wh} unit="Wh" />], ['Exported', <Value value={total.export_wh} unit="Wh" />],
      ['Self-consumption', <Value value={total.self_consumption} unit="1" digits={0} />], ['Self-sufficiency', <Value value={total.self_sufficiency} unit="1" digits={0} />],
      ...(currency === null ? [] : [['Cost', <Value value={total.cost} unit={currency} digits={2} />] as const, ['Revenue', <Value value={total.revenue} unit={currency} digits={2} />] as const]),
    ]} />
  );
}

/** What is missing is said: a sum over half the time is no sum. */
function Coverage({ total }: { total: BalanceRow }): JSX.Element | null {
  const past = Math.min(total.to_us, now.value) - total.from_us;
  const share = past > 0 ? Math.min(1, (total.coverage * (total.to_us - total.from_us)) / past) : 0;
  if (share > 0.99) return null;
  return <Note tone="warning" title={`Measured for ${String(Math.floor(share * 100))} % of the time`}>What is not measured counts nothing in these sums.</Note>;
}
