// All sites at a glance: who needs attention comes first.

import { signal } from '@preact/signals';
import { useMemo, useState } from 'preact/hooks';

import { Empty, Metrics, Page, ProblemNote, Search, Segments, Skeleton, Value } from '../../design';
import { keep, kept } from '../../state/kept';
import { operators, refreshSites, sites, sitesProblem, type Site } from '../../state/sites';
import { Cards } from './Cards';
import { SitesTable } from './SitesTable';
import './overview.css';

type Look = 'cards' | 'table';
type Filter = 'all' | 'attention';

/** With more sites than this a table shows more than cards, unless cards were chosen. */
const MOST_CARDS = 24;

const look = signal<Look | null>(kept<{ look: Look | null }>('overview', { look: null }).look);

export default function Overview() {
  const [search, setSearch] = useState('');
  const [filter, setFilter] = useState<Filter>('all');
  const list = sites.value;
  const shown = useMemo(() => (list ?? []).filter((site) => matches(site, search) && (filter === 'all' || needsAttention(site))).sort(byAttention), [list, search, filter]);
  const chosen = look.value ?? ((list?.length ?? 0) > MOST_CARDS ? 'table' : 'cards');
  const several = new Set((list ?? []).map((site) => site.operator)).size > 1;
  return (
    <Page title="All sites">
      {sitesProblem.value && <ProblemNote problem={sitesProblem.value} again={() => void refreshSites()} />}
      {!list && !sitesProblem.value && <><Skeleton height="4.5rem" /><Skeleton height="16rem" /></>}
      {list?.length === 0 && (
        <Empty icon="home" title={operators.value?.length === 0 ? 'You have no role at any operator' : 'There are no sites yet'}>
          {operators.value?.length === 0 ? 'An admin of the server can give you one.' : <>A site begins with its first device: <code>memcore devices enrol home1.meter</code> on the server makes one known.</>}
        </Empty>
      )}
      {list && list.length > 0 && (
        <>
          <Totals sites={list} />
          <div class="row">
            <Search label="Search sites" value={search} onValue={setSearch} />
            <Segments label="Which" value={filter} onChange={setFilter} options={[{ value: 'all', text: `All ${String(list.length)}` }, { value: 'attention', text: `Attention ${String(list.filter(needsAttention).length)}` }]} />
            <span class="push">
              <Segments label="As" value={chosen} onChange={(value) => { look.value = value; keep('overview', { look: value }); }} options={[{ value: 'cards', text: 'Cards' }, { value: 'table', text: 'Table' }]} />
            </span>
          </div>
          {shown.length === 0 && <Empty icon="search" title={filter === 'attention' && search === '' ? 'All sites are well' : 'No site of that name'} />}
          {shown.length > 0 && (chosen === 'cards' ? <Cards sites={shown} several={several} /> : <SitesTable sites={shown} several={several} />)}
        </>
      )}
    </Page>
  );
}

function Totals({ sites: list }: { sites: readonly Site[] }) {
  const sum = (of: (site: Site) => number | null) => {
    const known = list.filter((site) => !site.stale).map(of).filter((power) => power !== null);
    return known.length === 0 ? null : known.reduce((total, power) => total + power, 0);
  };
  const devices = list.reduce((total, site) => total + site.devices, 0);
  const connected = list.reduce((total, site) => total + site.connected, 0);
  const alarms = list.reduce((total, site) => total + site.alarms.critical + site.alarms.warning, 0);
  const grid = sum((site) => site.power_w.grid);
  return (
    <Metrics metrics={[
      ['Sites', list.length],
      ['Devices connected', <>{connected} <span class="muted small">of {devices}</span></>],
      ['Alarms', alarms],
      [grid !== null && grid < 0 ? 'To the grid' : 'From the grid', <Value key="grid" value={grid === null ? null : Math.abs(grid)} unit="W" />],
      ['Sun gives', <Value key="pv" value={negated(sum((site) => site.power_w.pv))} unit="W" />],
      ['Batteries', <Value key="battery" value={sum((site) => site.power_w.battery)} unit="W" signed />],
    ]} />
  );
}

function negated(power: number | null): number | null {
  return power === null ? null : Math.max(0, -power);
}

function matches(site: Site, search: string): boolean {
  const name = `${site.operator}/${site.site}`.toLowerCase();
  return search.toLowerCase().split(/\s+/).every((word) => name.includes(word));
}

export function needsAttention(site: Site): boolean {
  return site.stale || site.alarms.critical > 0 || site.alarms.warning > 0 || site.connected < site.devices;
}

function urgency(site: Site): number {
  return site.alarms.critical > 0 ? 0 : site.alarms.warning > 0 ? 1 : site.stale ? 2 : 3;
}

const collate = new Intl.Collator('en', { numeric: true });

function byAttention(a: Site, b: Site): number {
  return urgency(a) - urgency(b) || collate.compare(a.operator, b.operator) || collate.compare(a.site, b.site);
}
