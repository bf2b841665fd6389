// A site's power at this moment.

import { useEffect, useMemo, useRef, useState } from 'preact/hooks';

import { ask, api } from '../../api/client';
import { heardAt, line, useLive } from '../../api/live';
import { useAsked } from '../../api/use';
import { Badge, Empty, Metrics, Page, ProblemNote, Section, Skeleton, Value } from '../../design';
import { toSite } from '../../router';
import { now } from '../../state/now';
import { siteOf } from '../../state/sites';
import type { SiteViewProps } from '../props';
import { consumption, withReading, type FlowNode } from './flow';
import { FlowPicture } from './FlowPicture';
import { FlowTable } from './FlowTable';
import './live.css';

/** What no series tells (states of charge, limits, targets) is asked for this often. */
const AGAIN_MS = 5_000;
/** Without a word from the server for so long, nothing here is of the present. */
const DEAF_MS = 15_000;

export default function Live({ operator, site }: SiteViewProps) {
  const asked = useAsked(`${operator}/${site}`, (signal) => ask(api.GET('/api/v1/operators/{operator}/sites/{site}/flow', { params: { path: { operator, site } }, signal })), { everyMs: AGAIN_MS });
  const nodes = useNodes(operator, site, asked.data?.nodes, asked.again);
  const about = siteOf(operator, site);
  const alarms = about?.alarms;
  return (
    <Page title={site} about={
      <span class="row">
        {about?.controlled && <Badge tone="accent">Controlled</Badge>}
        {alarms && alarms.critical > 0 && <a href={toSite(operator, site, 'alarms')}><Badge tone="critical">{alarms.critical} critical</Badge></a>}
        {alarms && alarms.warning > 0 && <a href={toSite(operator, site, 'alarms')}><Badge tone="warning">{alarms.warning} {alarms.warning === 1 ? 'warning' : 'warnings'}</Badge></a>}
        {about && <span>{about.devices === 0 ? 'no device' : `${String(about.connected)} of ${String(about.devices)} devices connected`}</span>}
      </span>
    }>
      {asked.problem && <ProblemNote problem={asked.problem} again={asked.again} />}
      {asked.loading && <Skeleton height="26rem" />}
      {nodes?.length === 0 && (
        <Empty icon="bolt" title="No power is measured here yet">As soon as a device of this site reports power, it is seen flowing here.</Empty>
      )}
      {nodes && nodes.length > 0 && (
        <>
          <Summary nodes={nodes} complete={asked.data?.complete ?? false} />
          <FlowPicture operator={operator} site={site} nodes={nodes} />
          <Section title="In numbers"><FlowTable operator={operator} site={site} nodes={nodes} /></Section>
        </>
      )}
    </Page>
  );
}

/** What was asked for, with what arrived since. */
function useNodes(operator: string, site: string, asked: readonly FlowNode[] | undefined, again: () => void): readonly FlowNode[] | undefined {
  const arrived = useRef(new Map<string, { us: number; value: number | null }>());
  const [turn, setTurn] = useState(0);
  const frame = useRef(0);
  const wanted = useMemo(() => (asked ?? []).flatMap((node) => (node.series ? [node.series] : [])).sort(), [asked]);
  useLive(wanted.length > 0 ? { operator, site, topics: ['readings'], series: wanted } : null, {
    onReadings: ({ series, time_us, value }) => {
      series.forEach((name, index) => { arrived.current.set(name, { us: time_us[index] ?? 0, value: value[index] ?? null }); });
      // However much arrives, it is drawn once a frame.
      if (frame.current === 0) frame.current = requestAnimationFrame(() => { frame.current = 0; setTurn((count) => count + 1); });
    },
    onReset: again,
  });
  useEffect(() => () => { cancelAnimationFrame(frame.current); }, []);
  const deaf = line.value === 'lost' && heardAt.value !== null && Date.now() - heardAt.value > DEAF_MS && now.value > 0;
  return useMemo(() => {
    if (!asked) return undefined;
    const nodes = withReading(asked, arrived.current);
    return deaf ? nodes.map((node) => ({ ...node, stale: true })) : nodes;
  }, [asked, turn, deaf]);
}

function Summary({ nodes, complete }: { nodes: readonly FlowNode[]; complete: boolean }) {
  const of = (kind: string) => {
    const mine = nodes.filter((node) => node.kind === kind && (node.power_w ?? null) !== null);
    return mine.length === 0 ? null : { power: mine.reduce((sum, node) => sum + (node.power_w ?? 0), 0), stale: mine.some((node) => node.stale) };
  };
  const [grid, pv, battery] = [of('grid'), of('pv'), of('battery')];
  const soc = nodes.find((node) => node.kind === 'battery' && (node.soc ?? null) !== null);
  return (
    <Metrics metrics={[
      ['House uses', <Value key="use" value={consumption(nodes)} unit="W" stale={!complete && nodes.some((node) => node.stale)} />],
      ...(grid ? [[grid.power >= 0 ? 'From the grid' : 'To the grid', <Value key="grid" value={Math.abs(grid.power)} unit="W" stale={grid.stale} />] as const] : []),
      ...(pv ? [['Sun gives', <Value key="pv" value={Math.max(0, -pv.power)} unit="W" stale={pv.stale} />] as const] : []),
      ...(battery ? [[battery.power >= 0 ? 'Into the battery' : 'Out of the battery', <Value key="battery" value={Math.abs(battery.power)} unit="W" stale={battery.stale} />] as const] : []),
      ...(soc ? [['State of charge', <Value key="soc" value={soc.soc} unit="1" digits={0} stale={soc.stale} />] as const] : []),
    ]} />
  );
}
