//! Plans: solved from a site's file, kept, looked at, compared.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, Check, type Column, Confirm, Empty, Table, Time, toast } from '../../design';
import { text } from '../../units';
import { plans as fetchPlans, removePlan } from '../calls/steering';
import { Shown } from '../kit';
import { may, type Place } from '../place';
import type { Plan, PlanSummary } from '../shapes';
import { Comparison } from './Comparison';
import { PlanDialog } from './PlanDialog';
import { SolveForm } from './SolveForm';
import { STATUS_TONES } from './status';

/** The most plans that are compared at a time. */
const COMPARED = 8;

export function Plans({ place }: { place: Place }): JSX.Element {
  const plans = useAsked(`${place.operator}/${place.site}`, (signal) => fetchPlans(place, signal), { everyMs: 15_000 });
  const [chosen, setChosen] = useState<readonly string[]>([]);
  const [shown, setShown] = useState<'solve' | 'compare' | { plan: Plan } | { id: string } | { remove: PlanSummary }>();
  const operator = may(place, 'operator');
  const close = () => { setShown(undefined); };
  const toggle = (id: string, on: boolean) => { setChosen(on ? [...chosen, id].slice(-COMPARED) : chosen.filter((each) => each !== id)); };
  const remove = async (plan: PlanSummary) => {
    if (!plan.id) return;
    await removePlan(place, plan.id);
    toggle(plan.id, false);
    toast(`The plan ${plan.name} is removed`);
    plans.again();
  };
  return (
    <>
      <div class="row">
        <Button disabled={chosen.length < 2} onClick={() => { setShown('compare'); }}>{chosen.length < 2 ? 'Compare: choose two' : `Compare ${String(chosen.length)} plans`}</Button>
        {operator && <span class="push"><Button kind="primary" icon="plus" onClick={() => { setShown('solve'); }}>Make a plan</Button></span>}
      </div>
      <Shown of={plans} what="plans">
        {(page) => <Table label="Plans" columns={columns(chosen, toggle, operator, (plan) => { setShown({ remove: plan }); })} rows={page.items} rowKey={(plan) => plan.id ?? plan.name}
          onOpen={(plan) => { if (plan.id) setShown({ id: plan.id }); }}
          empty={<Empty icon="chart" title="No plan is kept" action={operator && <Button onClick={() => { setShown('solve'); }}>Make a plan</Button>}>Make one from a site file: what batteries, cars and heat pumps should do at the least cost.</Empty>} />}
      </Shown>
      {shown === 'solve' && <SolveForm place={place} onClose={close} onSolved={(plan) => { setShown({ plan }); plans.again(); }} />}
      {shown === 'compare' && <Comparison place={place} ids={chosen} onClose={close} />}
      {typeof shown === 'object' && 'remove' in shown && <Confirm title={`Remove the plan ${shown.remove.name}?`} act="Remove it" danger onConfirm={() => remove(shown.remove)} onClose={close}><p>It cannot be looked at or compared any more.</p></Confirm>}
      {typeof shown === 'object' && !('remove' in shown) && <PlanDialog place={place} {...shown} onClose={close} />}
    </>
  );
}

function columns(chosen: readonly string[], toggle: (id: string, on: boolean) => void, operator: boolean, remove: (plan: PlanSummary) => void): Column<PlanSummary>[] {
  return [
    { key: 'compare', title: 'Compare', card: 'side', cell: (plan) => (plan.id ? <Check label={<span class="visually-hidden">Compare {plan.name}</span>} checked={chosen.includes(plan.id)} onValue={(on) => { toggle(plan.id ?? '', on); }} /> : null) },
    { key: 'name', title: 'Plan', card: 'head', cell: (plan) => <strong class="wrap">{plan.name}</strong>, sort: (plan) => plan.name },
    { key: 'status', title: 'Status', card: 'side', cell: (plan) => <Badge tone={STATUS_TONES[plan.status]}>{plan.status}</Badge>, sort: (plan) => plan.status },
    { key: 'cost', title: 'Cost', align: 'end', cell: (plan) => <span class="number">{text(plan.cost, plan.currency, { digits: 2 })}</span>, sort: (plan) => plan.cost ?? null },
    { key: 'span', title: 'From', hide: 'phone', cell: (plan) => <><Time us={plan.from_us} absolute /><span class="faint small"> {plan.steps} steps</span></>, sort: (plan) => plan.from_us },
    { key: 'created', title: 'Made', cell: (plan) => <><Time us={plan.created_us} /> <span class="faint small">by {plan.by}</span></>, sort: (plan) => plan.created_us },
    { key: 'act', title: 'Remove', align: 'end', card: 'foot', cell: (plan) => (operator ? <Button kind="quiet" onClick={() => { remove(plan); }} aria-label={`Remove ${plan.name}`}>Remove …</Button> : null) },
  ];
}
