//! The plan that control follows, against what was measured.

import type { JSX } from 'preact';
import { useMemo, useState } from 'preact/hooks';

import { kindToken } from '../../charts/colours';
import { useAsked } from '../../api/use';
import { Badge, type Column, Empty, Facts, Note, Table, Time, Value } from '../../design';
import { currentPlan } from '../calls/steering';
import { spanWords } from '../commands/span';
import { Shown } from '../kit';
import type { Place } from '../place';
import { AssetChoice } from '../plans/AssetChoice';
import { type Line, Lines } from '../plans/Lines';
import { stepped } from '../plans/stepped';
import type { CurrentPlan, PlannedAsset } from '../shapes';

export function PlanView({ place }: { place: Place }): JSX.Element {
  const plan = useAsked(`${place.operator}/${place.site}`, (signal) => currentPlan(place, signal), { everyMs: 30_000 });
  if (plan.problem?.status === 404) return <Empty icon="chart" title="No plan is followed">Control goes by its strategies alone. A plan is followed where the site model has a planner.</Empty>;
  return <Shown of={plan} what="plan">{(found) => <Followed plan={found} />}</Shown>;
}

const KINDS: Record<string, string> = { grid_meter: 'grid', charger: 'ev' };

/** The token of a role's colour. */
export function roleToken(role: string): string {
  return kindToken(KINDS[role] ?? role);
}

function Followed({ plan }: { plan: CurrentPlan }): JSX.Element {
  const [chosen, setChosen] = useState(plan.assets.find((asset) => asset.role === 'battery')?.asset ?? plan.assets[0]?.asset ?? '');
  const asset = plan.assets.find((each) => each.asset === chosen) ?? plan.assets[0];
  return (
    <>
      <Facts facts={[
        ['Made', <><Time us={plan.made_us} absolute /> because {plan.reason}</>],
        ['Good until', <Time us={plan.valid_until_us} absolute />],
        ...(plan.notices.length > 0 ? [['Assumed', <ul class="list">{plan.notices.map((notice) => <li key={notice}>{notice}</li>)}</ul>] as const] : []),
      ]} />
      {plan.valid_until_us <= plan.now_us && <Note tone="warning" title="This plan is no longer followed">It was good until <Time us={plan.valid_until_us} absolute />.</Note>}
      <AssetChoice assets={plan.assets.map((each) => each.asset)} value={asset?.asset ?? ''} onChange={setChosen} />
      {asset && <Chart key={asset.asset} plan={plan} asset={asset} />}
      <Deviations plan={plan} />
    </>
  );
}

function Chart({ plan, asset }: { plan: CurrentPlan; asset: PlannedAsset }): JSX.Element {
  const power = useMemo(() => stepped(plan.borders_us, [asset.power_w, asset.actual_w], []), [plan, asset]);
  const soc = useMemo(() => asset.soc && stepped(plan.borders_us, [], [asset.soc, asset.actual_soc ?? []]), [plan, asset]);
  const price = useMemo(() => plan.price && stepped(plan.borders_us, [plan.price.import_per_kwh, plan.price.export_per_kwh], []), [plan]);
  const lines = useMemo(() => linesOf(asset, plan.currency), [asset.role, plan.currency]);
  return (
    <div class="stack">
      <Lines title={`${asset.asset}: power, planned and measured`} lines={lines.power} data={power} nowUs={plan.now_us} height={220} />
      {soc && <Lines title={`${asset.asset}: state of charge at the end of each step`} lines={lines.soc} data={soc} nowUs={plan.now_us} height={160} />}
      {price && <Lines title="Price of energy" lines={lines.price} data={price} nowUs={plan.now_us} height={160} />}
    </div>
  );
}

function linesOf(asset: PlannedAsset, currency: string): Record<'power' | 'soc' | 'price', Line[]> {
  const token = roleToken(asset.role);
  return {
    power: [{ label: 'planned', token, unit: 'W', steps: true, dash: true }, { label: 'measured', token, unit: 'W', steps: true, fill: true }],
    soc: [{ label: 'planned', token, unit: '1', steps: false, dash: true }, { label: 'measured', token, unit: '1', steps: false }],
    price: [{ label: 'buying', token: 'grid', unit: `${currency}/kWh`, steps: true }, { label: 'selling', token: 'pv', unit: `${currency}/kWh`, steps: true }],
  };
}

type Deviation = CurrentPlan['deviations'][number];

const DEVIATIONS: Column<Deviation>[] = [
  { key: 'asset', title: 'Asset', cell: (each) => each.asset, sort: (each) => each.asset },
  { key: 'power', title: 'Power off by', align: 'end', cell: (each) => <Value value={each.power_w} unit="W" signed />, sort: (each) => each.power_w ?? null },
  { key: 'soc', title: 'Charge off by', align: 'end', cell: (each) => (typeof each.soc === 'number' ? <Value value={each.soc} unit="1" signed digits={1} /> : null), sort: (each) => each.soc ?? null },
  { key: 'since', title: 'Over', hide: 'phone', cell: (each) => <span class="muted">{spanWords(each.span_us)}</span> },
];

function Deviations({ plan }: { plan: CurrentPlan }): JSX.Element {
  if (plan.deviations.length === 0) return <p><Badge tone="good">as planned</Badge> <span class="muted">Nothing differs in the present step.</span></p>;
  return <Table label="Deviations from the plan in the present step" columns={DEVIATIONS} rows={plan.deviations} rowKey={(each) => each.asset} />;
}
