//! The assets as control sees them, wishes, actors, and what is not as it should be.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { Badge, Button, Card, type Column, Confirm, Empty, Facts, Note, Section, Table, Time, toast, Value } from '../../design';
import { span } from '../../times';
import { withdraw } from '../calls/steering';
import { spanWords } from '../commands/span';
import { capital } from '../kit';
import { may, type Place } from '../place';
import type { AssetStatus, ControlStatus, ProposalOutcome } from '../shapes';
import { said } from '../units';
import type { ControlLinks } from './links';
import { WishForm } from './WishForm';
import { outcomeWords, roleWay, targetText, targetWords, wishWords } from './words';

interface Props { place: Place; status: ControlStatus; links: ControlLinks; again: () => void }

export function Status({ place, status, links, again }: Props): JSX.Element {
  return (
    <>
      {status.paused && <Note tone="warning" title="Control is paused">Since <Time us={status.paused.since_us} absolute />, by {status.paused.by}. Nothing is ordered; devices are at what is safe.</Note>}
      {status.faults.length > 0 && <div role="alert"><Note tone="critical" title={status.faults.length === 1 ? 'Something is not as it should be' : `${String(status.faults.length)} things are not as they should be`}><ul class="list">{status.faults.map((fault) => <li key={fault}>{capital(fault)}</li>)}</ul></Note></div>}
      <Section title="Assets"><Table label="Assets" columns={columns(links)} rows={status.assets} rowKey={(asset) => asset.asset} /></Section>
      <Wishes place={place} status={status} again={again} />
      <div class="grid"><Actors status={status} /><Pace status={status} /></div>
    </>
  );
}

function columns(links: ControlLinks): Column<AssetStatus>[] {
  return [
    { key: 'asset', title: 'Asset', cell: (asset) => <><strong>{asset.asset}</strong><div class="faint small">{asset.role.replace('_', ' ')}</div></>, sort: (asset) => asset.asset },
    { key: 'measured', title: 'Measured', align: 'end', cell: (asset) => <><Value value={asset.measured_w} unit="W" stale={!asset.fresh} /><div class="faint small">{asset.fresh ? roleWay(asset.role, asset.measured_w) : asset.age_us ? `${span(asset.age_us)} old` : ''}</div></>, sort: (asset) => asset.measured_w ?? null },
    { key: 'target', title: 'Target', align: 'end', cell: (asset) => (typeof asset.decided_w === 'number' ? <><Value value={asset.decided_w} unit="W" /><div class="faint small">{roleWay(asset.role, asset.decided_w)}</div></> : <span class="faint">none</span>), sort: (asset) => asset.decided_w ?? null },
    { key: 'soc', title: 'Charge', align: 'end', cell: (asset) => (typeof asset.soc === 'number' ? <Value value={asset.soc} unit="1" digits={0} /> : null), sort: (asset) => asset.soc ?? null },
    { key: 'who', title: 'Who sets it', cell: (asset) => <Who asset={asset} /> },
    { key: 'order', title: 'Order', cell: (asset) => <Order asset={asset} /> },
    { key: 'why', title: 'Why', card: 'foot', cell: (asset) => (typeof asset.decided_w === 'number' ? <a href={links.why(asset.asset)} aria-label={`Why ${asset.asset}`}>Why</a> : null) },
  ];
}

function Who({ asset }: { asset: AssetStatus }): JSX.Element {
  const limits = asset.limited_by ?? [];
  return (
    <div class="cell">
      <span class={asset.wish ? '' : 'muted'}>{wishWords(asset)}</span>
      {asset.wish && limits.length > 0 && <div class="small muted">wished {said(asset.wish.power_w, 'W')}</div>}
      {limits.map((limit) => <div key={limit} class="small"><Badge tone="warning" plain>limit</Badge> {limit}</div>)}
      {asset.held_until_us && <div class="small"><Badge tone="warning" plain>held by a person</Badge> <Time us={asset.held_until_us} /></div>}
    </div>
  );
}

function Order({ asset }: { asset: AssetStatus }): JSX.Element | null {
  const order = asset.order;
  if (!order) return null;
  const tone = order.state === 'done' ? 'good' : order.state === 'refused' || order.state === 'unknown' ? 'critical' : undefined;
  return <><Badge tone={tone}>{order.state}</Badge>{order.state === 'refused' && <div class="small muted">{order.reason}</div>}</>;
}

function Wishes({ place, status, again }: { place: Place; status: ControlStatus; again: () => void }): JSX.Element {
  const [wishing, setWishing] = useState(false);
  const [taking, setTaking] = useState<ProposalOutcome>();
  const operator = may(place, 'operator');
  const steered = status.assets.filter((asset) => typeof asset.decided_w === 'number');
  const held = status.assets.filter((asset) => asset.held_until_us);
  const columns: Column<ProposalOutcome>[] = [
    { key: 'actor', title: 'Who', cell: (wish) => wish.actor, sort: (wish) => wish.actor },
    { key: 'target', title: 'For', cell: (wish) => targetWords(wish.target), sort: (wish) => targetWords(wish.target) },
    { key: 'outcome', title: 'What became of it', cell: (wish) => <span class="cell"><Badge tone={wish.outcome === 'granted' ? 'good' : wish.outcome === 'limited' ? 'warning' : undefined}>{wish.outcome}</Badge> <span class="small muted">{outcomeWords(wish)}</span></span> },
    { key: 'act', title: 'Withdraw', align: 'end', card: 'foot', cell: (wish) => (operator && wish.actor === 'person' ? <Button onClick={() => { setTaking(wish); }} aria-label={`Withdraw the wish for ${targetWords(wish.target)}`}>Withdraw …</Button> : null) },
  ];
  const take = async () => {
    if (!taking) return;
    const { withdrawn } = await withdraw(place, taking.actor, targetText(taking.target));
    toast(withdrawn === 0 ? 'It stood no longer' : `The wish for ${targetWords(taking.target)} is withdrawn`);
    again();
  };
  return (
    <Section title="Wishes" actions={operator && steered.length > 0 && <Button icon="plus" onClick={() => { setWishing(true); }}>Wish for something</Button>}>
      <Table label="Wishes" columns={columns} rows={status.proposals} rowKey={(wish) => `${wish.actor}/${targetText(wish.target)}/${String(wish.id ?? '')}`} empty={<Empty icon="user" title="Nobody wishes for anything">Every asset does what was declared for that.</Empty>} />
      {operator && held.map((asset) => <p key={asset.asset} class="row">{asset.asset} is held by a person until <Time us={asset.held_until_us} absolute /> <Button onClick={() => { setTaking({ actor: 'person', target: { asset: asset.asset }, outcome: 'granted' }); }}>Let go of {asset.asset} …</Button></p>)}
      {wishing && <WishForm place={place} assets={steered} onClose={() => { setWishing(false); again(); }} />}
      {taking && <Confirm title={`Withdraw the wish for ${targetWords(taking.target)}?`} act="Withdraw it" onConfirm={take} onClose={() => { setTaking(undefined); }}><p>{capital(targetWords(taking.target))} follows the other wishes again, from the next decision on. A hold by a person ends, too.</p></Confirm>}
    </Section>
  );
}

function Actors({ status }: { status: ControlStatus }): JSX.Element | null {
  if (status.actors.length === 0) return null;
  return (
    <Card>
      <Section title="Actors of this program">
        <ul class="stack">{status.actors.map((actor) => (
          <li key={actor.name}><strong>{actor.name}</strong> {actor.fault ? <Badge tone="critical">fault</Badge> : actor.busy ? <Badge tone="info">thinking</Badge> : <Badge tone="good">ok</Badge>}
            <div class="small muted number">answered {actor.answered} of {actor.asked}, overran {actor.overran}, refused {actor.refused}</div>{actor.fault && <div class="wrap">{actor.fault}</div>}</li>
        ))}</ul>
      </Section>
    </Card>
  );
}

function Pace({ status }: { status: ControlStatus }): JSX.Element {
  const log = status.log;
  return (
    <Card>
      <Section title="Pace">
        <Facts facts={[
          ['Decides', `every ${spanWords(status.tick_us)}`], ['An order holds', spanWords(status.lease_us)], ['Zone', status.zone],
          ['Plan', status.plan ? <>made <Time us={status.plan.made_us} />, good until <Time us={status.plan.valid_until_us} absolute /></> : 'none holds'],
          ['Decision log', log.failing ? <span><Badge tone="critical">failing</Badge> {log.failing}</span> : `${log.written.toLocaleString('en-GB')} written${log.dropped > 0 ? `, ${String(log.dropped)} dropped` : ''}`],
        ]} />
      </Section>
    </Card>
  );
}
