import { Table, Time, Value, type Column } from '../../design';
import { go, toSite } from '../../router';
import type { Site } from '../../state/sites';
import { States } from './States';

export function SitesTable({ sites, several }: { sites: readonly Site[]; several: boolean }) {
  const power = (of: 'grid' | 'pv' | 'battery' | 'load', title: string): Column<Site> => ({
    key: of, title, align: 'end', sort: (site) => site.power_w[of], ...(of === 'grid' ? {} : { hide: 'phone' as const }),
    cell: (site) => <Value value={site.power_w[of]} unit="W" stale={site.stale} signed />,
  });
  const columns: Column<Site>[] = [
    { key: 'site', title: 'Site', sort: (site) => site.site, cell: (site) => <a class="site-link" href={toSite(site.operator, site.site)}>{site.site}</a> },
    ...(several ? [{ key: 'operator', title: 'Operator', hide: 'phone' as const, sort: (site: Site) => site.operator, cell: (site: Site) => site.operator }] : []),
    { key: 'state', title: 'State', cell: (site) => <States site={site} /> },
    power('grid', 'Grid'), power('pv', 'PV'), power('battery', 'Battery'), power('load', 'Loads'),
    { key: 'devices', title: 'Devices', align: 'end', hide: 'phone', sort: (site) => site.devices, cell: (site) => <span class="number">{site.devices}</span> },
    { key: 'seen', title: 'Last heard', sort: (site) => site.last_seen_us ?? null, cell: (site) => <Time us={site.last_seen_us} /> },
  ];
  return <Table label="Sites" columns={columns} rows={sites} rowKey={(site) => `${site.operator}/${site.site}`} onOpen={(site) => { go(toSite(site.operator, site.site)); }} />;
}
