//! The devices of a site: who is well, who was last seen when; and the way to each of them.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Button, type Column, Empty, Page, Search, Segments, Table, Time } from '../../design';
import { devices as fetchDevices } from '../calls/devices';
import { Shown } from '../kit';
import { may, type Place } from '../place';
import type { Device, Health } from '../shapes';
import { Enrol } from './Enrol';
import { healthName, HealthBadge } from './health';
import { chosen, counts, HEALTHS, rank } from './list';

export function Devices({ place, href }: { place: Place; href: (device: string) => string }): JSX.Element {
  const devices = useAsked(`${place.operator}/${place.site}`, (signal) => fetchDevices(place, signal), { everyMs: 10_000 });
  const [enrolling, setEnrolling] = useState(false);
  const begin = () => { setEnrolling(true); };
  const engineer = may(place, 'engineer');
  return (
    <Page title="Devices" about={devices.data && `${String(devices.data.length)} at ${place.site}`}
      actions={engineer && <Button kind="primary" icon="plus" onClick={begin}>Enrol a device</Button>}>
      <Shown of={devices} what="devices">
        {(all) => (all.length > 0 ? <List all={all} href={href} /> : (
          <Empty icon="cpu" title="No device yet" action={engineer && <Button kind="primary" onClick={begin}>Enrol a device</Button>}>
            {engineer ? 'Enrol one: it gets a secret or a certificate, and a program that runs as it is.' : 'Who has the role engineer here can enrol one.'}
          </Empty>
        ))}
      </Shown>
      {enrolling && <Enrol place={place} known={(devices.data ?? []).map((device) => device.device)} close={() => { setEnrolling(false); devices.again(); }} />}
    </Page>
  );
}

function List({ all, href }: { all: readonly Device[]; href: (device: string) => string }): JSX.Element {
  const [search, setSearch] = useState('');
  const [health, setHealth] = useState<Health | 'all'>('all');
  const counted = counts(all);
  const shown = chosen(all, search, health === 'all' ? null : health);
  const options = [{ value: 'all' as const, text: `all ${String(all.length)}` }, ...HEALTHS.filter((each) => counted[each] > 0).map((each) => ({ value: each, text: `${healthName(each)} ${String(counted[each])}` }))];
  return (
    <>
      <div class="row" role="search" aria-label="Devices">
        <Search label="Search by name" value={search} onValue={setSearch} />
        <Segments label="Health" options={options} value={health} onChange={setHealth} />
        <span class="muted small push" role="status">{shown.length === all.length ? '' : `${String(shown.length)} of ${String(all.length)} devices`}</span>
      </div>
      <Table label="Devices" columns={columns(href)} rows={shown} rowKey={(device) => device.device} onOpen={(device) => { location.hash = href(device.device); }}
        empty={<Empty icon="search" title="No device fits" action={<Button onClick={() => { setSearch(''); setHealth('all'); }}>Show all</Button>} />} />
    </>
  );
}

function columns(href: (device: string) => string): Column<Device>[] {
  return [
    { key: 'device', title: 'Device', cell: (device) => <a href={href(device.device)}>{device.device}</a>, sort: (device) => device.device },
    { key: 'health', title: 'Health', card: 'side', cell: (device) => <HealthBadge device={device} />, sort: rank },
    { key: 'seen', title: 'Last seen', cell: (device) => <Time us={device.last_seen_us} />, sort: (device) => device.last_seen_us ?? null },
    { key: 'channels', title: 'Channels', align: 'end', hide: 'phone', cell: (device) => <span class="number">{device.channels}</span>, sort: (device) => device.channels },
    { key: 'proof', title: 'Proof', hide: 'phone', cell: (device) => <span class="muted">{proofs(device)}</span>, sort: proofs },
  ];
}

function proofs(device: Device): string {
  if (!device.enrolled) return 'not enrolled';
  return [...new Set(device.proofs.map((proof) => proof.kind))].join(', ') || 'enrolled';
}
