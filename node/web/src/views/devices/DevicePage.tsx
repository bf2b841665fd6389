//! One device: its channels with what they read now, how it proves itself, and how much it may send.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, Card, type Column, Confirm, Empty, Page, Section, Table, Time, toast, Value } from '../../design';
import { now } from '../../state/now';
import { channels as fetchChannels, device as fetchDevice, revoke } from '../calls/devices';
import { spanWords } from '../commands/span';
import { allowedWords, labelOf } from '../commands/words';
import { Shown } from '../kit';
import { may, type Place } from '../place';
import type { Channel, Device } from '../shapes';
import { Rotate } from './Enrol';
import { HealthBadge } from './health';
import { useLatest } from './latest';
import { withLatest } from './merge';
import { RateForm } from './RateForm';

export interface DeviceLinks { list: string; command: (series: string) => string; history: (series: string) => string }

export function DevicePage({ place, name, links }: { place: Place; name: string; links: DeviceLinks }): JSX.Element {
  const key = `${place.operator}/${place.site}/${name}`;
  const device = useAsked(key, (signal) => fetchDevice(place, name, signal), { everyMs: 5_000 });
  const channels = useAsked(key, (signal) => fetchChannels(place, { device: name }, signal), { everyMs: 10_000 });
  const latest = useLatest(place, name);
  const found = device.data;
  return (
    <Page title={name} about={found && <span class="row"><HealthBadge device={found} /><span>{found.connected ? 'connected' : 'not connected'}, last seen <Time us={found.last_seen_us} /></span></span>}
      actions={<a class="button" href={links.list}>All devices</a>}>
      <Shown of={device} what="device">
        {(shown) => (
          <>
            <Section title="Channels">
              <Shown of={channels} what="channels">
                {(all) => <Table label="Channels" columns={columns(links, place)} rows={withLatest(all, latest, now.value)} rowKey={(channel) => channel.series}
                  empty={<Empty icon="chart" title="No channel yet">A device describes its channels when it connects.</Empty>} />}
              </Shown>
            </Section>
            <div class="grid"><Proofs device={shown} place={place} again={device.again} back={links.list} /><Rate device={shown} place={place} again={device.again} /></div>
          </>
        )}
      </Shown>
    </Page>
  );
}

function columns(links: DeviceLinks, place: Place): Column<Channel>[] {
  return [
    { key: 'channel', title: 'Channel', cell: (channel) => <><a href={links.history(channel.series)}>{channel.channel}</a>{labelOf(channel) && <div class="faint small">{labelOf(channel)}</div>}</>, sort: (channel) => channel.channel },
    {
      key: 'value', title: 'Value', align: 'end', card: 'side',
      cell: (channel) => <Value value={channel.latest?.value} unit={channel.unit} stale={channel.stale} />,
    },
    { key: 'time', title: 'As of', cell: (channel) => <><Time us={channel.latest?.time_us} />{channel.stale && channel.latest && <> <Badge tone="warning">stale</Badge></>}</>, sort: (channel) => channel.latest?.time_us ?? null },
    { key: 'range', title: 'Range', hide: 'phone', cell: (channel) => <span class="muted">{allowedWords(channel) ?? 'not declared'}</span> },
    { key: 'cadence', title: 'Expected', hide: 'phone', cell: (channel) => <span class="muted">{channel.cadence_us ? `every ${spanWords(channel.cadence_us)}` : channel.kind}</span> },
    { key: 'act', title: 'Command', align: 'end', card: 'foot', cell: (channel) => (channel.writable && may(place, 'operator') ? <a class="button" href={links.command(channel.series)} aria-label={`Command ${channel.channel}`}>Command</a> : channel.writable ? <span class="faint">writable</span> : null) },
  ];
}

function Proofs({ device, place, again, back }: { device: Device; place: Place; again: () => void; back: string }): JSX.Element {
  const [asking, setAsking] = useState<'rotate' | 'revoke'>();
  const proofs = device.proofs;
  const end = async () => {
    await revoke(place, device.device);
    toast(`${device.name} is revoked`);
    location.hash = back;
  };
  return (
    <Card>
      <Section title="Proofs">
        {proofs.length === 0 && <p class="muted">{device.enrolled ? 'None is shown.' : 'It is not enrolled: its history is kept, and it cannot connect.'}</p>}
        <ul class="stack">{proofs.map((proof) => (
          <li key={proof.id} class="wrap"><strong>{proof.kind}</strong> <code class="faint">{proof.id}</code><div class="muted small">since <Time us={proof.since_us} absolute />{proof.until_us ? <>, good until <Time us={proof.until_us} absolute /></> : ''}{proof.ends_us ? <>, the certificate ends <Time us={proof.ends_us} absolute /></> : ''}, last used <Time us={proof.last_used_us} /></div></li>
        ))}</ul>
        {may(place, 'engineer') && device.enrolled && (
          <div class="row"><Button icon="key" onClick={() => { setAsking('rotate'); }}>Give a new proof</Button><Button kind="danger" onClick={() => { setAsking('revoke'); }}>Revoke …</Button></div>
        )}
      </Section>
      {asking === 'rotate' && <Rotate place={place} device={device.device} close={() => { setAsking(undefined); again(); }} />}
      {asking === 'revoke' && (
        <Confirm title={`Revoke ${device.name}?`} act={`Revoke ${device.device}`} danger onConfirm={end} onClose={() => { setAsking(undefined); }}>
          <p>All its proofs end, and so does its session. It cannot connect again unless it is enrolled anew.</p>
          <p>A value that it holds under a lease falls back when the lease ends. Its history stays.</p>
        </Confirm>
      )}
    </Card>
  );
}

function Rate({ device, place, again }: { device: Device; place: Place; again: () => void }): JSX.Element {
  const [changing, setChanging] = useState(false);
  const rate = device.rate;
  const most = rate?.points_per_s;
  return (
    <Card>
      <Section title="Rate">
        <p>{most ? `It may send ${String(most)} points a second${rate.burst ? `, ${String(rate.burst)} at once` : ''}. Beyond that it is read more slowly, and loses nothing.` : 'It may send as much as the server takes.'}</p>
        <p class="muted number">{device.points.toLocaleString('en-GB')} points since the server started</p>
        {may(place, 'engineer') && <div class="row"><Button onClick={() => { setChanging(true); }}>Change the rate</Button></div>}
      </Section>
      {changing && <RateForm device={device} place={place} close={() => { setChanging(false); again(); }} />}
    </Card>
  );
}
