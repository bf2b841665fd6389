//! One plan: what it costs, what each asset does, why there is none.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { kindToken } from '../../charts/colours';
import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Dialog, Facts, Note, Table, Time, Value } from '../../design';
import { span } from '../../times';
import { text } from '../../units';
import { plan as fetchPlan } from '../calls/steering';
import { Shown } from '../kit';
import type { Place } from '../place';
import type { Plan } from '../shapes';
import { AssetChoice } from './AssetChoice';
import { type Line, Lines } from './Lines';
import { STATUS_TONES } from './status';
import { stepped } from './stepped';

export function PlanDialog({ place, onClose, ...which }: { place: Place; onClose: () => void } & ({ plan: Plan } | { id: string })): JSX.Element {
  if ('plan' in which) return <Framed plan={which.plan} onClose={onClose} />;
  return <Fetched place={place} id={which.id} onClose={onClose} />;
}

function Fetched({ place, id, onClose }: { place: Place; id: string; onClose: () => void }): JSX.Element {
  const plan = useAsked(id, (signal) => fetchPlan(place, id, signal));
  if (plan.data) return <Framed plan={plan.data} onClose={onClose} />;
  return <Dialog title="Plan" wide onClose={onClose}><Shown of={plan} what="plan">{() => null}</Shown></Dialog>;
}

function Framed({ plan, onClose }: { plan: Plan; onClose: () => void }): JSX.Element {
  return <Dialog title={plan.name} wide onClose={onClose} foot={<Button kind="primary" onClick={onClose}>Close</Button>}><Content plan={plan} /></Dialog>;
}

const WORDS: Record<Plan['status'], string> = {
  optimal: 'No plan costs less.', feasible: 'Verified; a better one may exist.', infeasible: 'No plan keeps all limits.', undecided: 'The time was over before there was a plan.',
};

function Content({ plan }: { plan: Plan }): JSX.Element {
  return (
    <>
      <p><Badge tone={STATUS_TONES[plan.status]}>{plan.status}</Badge> {WORDS[plan.status]}{typeof plan.gap === 'number' && plan.gap > 0 ? ` At most ${text(plan.gap, '1')} better.` : ''}</p>
      {plan.explanation && <Note tone={plan.status === 'infeasible' ? 'warning' : 'info'} title={plan.status === 'infeasible' ? 'What conflicts, and what would mend it' : 'How it came about'}><pre class="told">{plan.explanation}</pre></Note>}
      {plan.violations.length > 0 && <Note tone="warning" title="Not met"><ul class="list">{plan.violations.map((each) => <li key={each}>{each}</li>)}</ul></Note>}
      <Facts facts={[
        ['Cost', <strong class="number">{text(plan.cost, plan.currency, { digits: 2 })}</strong>],
        ['Horizon', <><Time us={plan.from_us} absolute /> to <Time us={plan.to_us} absolute />, {plan.steps} steps</>],
        ['Made', <><Time us={plan.created_us} absolute /> by {plan.by}</>],
        ['Engine', <>{plan.engine ?? 'none'}, {span(plan.solve_us)}</>],
        ...(typeof plan.carbon_g === 'number' ? [['Carbon', text(plan.carbon_g / 1000, 'kg')] as const] : []),
        ...(plan.id ? [] : [['Kept', 'no'] as const]),
      ]} />
      {plan.assets.length > 0 && <Pictures plan={plan} />}
      {plan.costs.length > 0 && <Table label="Costs" columns={costColumns(plan.currency)} rows={plan.costs} rowKey={(cost) => `${cost.part}/${cost.cause}`} />}
      {plan.notices.length > 0 && <details><summary>What was assumed ({plan.notices.length})</summary><ul class="list">{plan.notices.map((each) => <li key={each}>{each}</li>)}</ul></details>}
    </>
  );
}

function Pictures({ plan }: { plan: Plan }): JSX.Element {
  const [chosen, setChosen] = useState(plan.assets[0]?.asset ?? '');
  const asset = plan.assets.find((each) => each.asset === chosen) ?? plan.assets[0];
  const power = useMemo(() => stepped(plan.borders_us, [asset?.power_w ?? []], []), [plan, asset]);
  const soc = useMemo(() => (asset?.soc ? stepped(plan.borders_us, [], [asset.soc]) : null), [plan, asset]);
  const token = kindToken(asset?.kind ?? '');
  const lines = useMemo<{ power: Line[]; soc: Line[] }>(() => ({ power: [{ label: 'power', token, unit: 'W', steps: true, fill: true }], soc: [{ label: 'charge', token, unit: '1', steps: false }] }), [token]);
  if (!asset) return <></>;
  return (
    <div class="stack">
      <AssetChoice assets={plan.assets.map((each) => each.asset)} value={asset.asset} onChange={setChosen} />
      <p class="muted">Takes <Value value={asset.taken_wh} unit="Wh" />, gives <Value value={asset.given_wh} unit="Wh" />.</p>
      <Lines title={`${asset.asset}: mean power of each step`} lines={lines.power} data={power} />
      {soc && <Lines title={`${asset.asset}: state of charge`} lines={lines.soc} data={soc} height={150} />}
    </div>
  );
}

function costColumns(currency: string): Column<Plan['costs'][number]>[] {
  return [
    { key: 'part', title: 'Of', cell: (cost) => cost.part || 'the site', sort: (cost) => cost.part },
    { key: 'cause', title: 'For', cell: (cost) => cost.cause.replaceAll('_', ' '), sort: (cost) => cost.cause },
    { key: 'amount', title: 'Cost', align: 'end', cell: (cost) => <span class="number">{text(cost.amount, currency, { digits: 2 })}</span>, sort: (cost) => cost.amount },
  ];
}
