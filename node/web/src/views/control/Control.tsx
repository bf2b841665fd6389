//! Control of a site: what is measured and decided of every asset, who sets it, what limits it; plans; pausing it.

import type { JSX } from 'preact';

import { useAsked } from '../../api/use';
import { Badge, Empty, Page, Tabs, Time } from '../../design';
import { control as fetchControl } from '../calls/steering';
import { Shown, useFollow } from '../kit';
import type { Place } from '../place';
import { Plans } from '../plans/Plans';
import type { ControlLinks, ControlTab } from './links';
import { PlanView } from './PlanView';
import { Status } from './Status';
import { Switch } from './Switch';

export function Control({ place, tab, links }: { place: Place; tab: ControlTab; links: ControlLinks }): JSX.Element {
  const control = useAsked(`${place.operator}/${place.site}`, (signal) => fetchControl(place, signal), { everyMs: 5_000 });
  useFollow(place, 'control', control.again);
  const status = control.data;
  const about = status && <span class="row">{status.enabled ? <Badge tone="good">controlling</Badge> : <Badge tone="warning">paused</Badge>}<span>as of <Time us={status.time_us} /></span></span>;
  const uncontrolled = control.problem?.status === 404 && !status;
  return (
    <Page title="Control" about={about} actions={status && <Switch place={place} status={status} again={control.again} />}>
      <Tabs label="Control" value={tab} onChange={(next) => { location.hash = links.tab(next); }}
        tabs={[{ value: 'status', text: 'Status' }, { value: 'plan', text: 'Plan and actual' }, { value: 'plans', text: 'Plans' }]}>
        {tab === 'plans' ? <Plans place={place} /> : uncontrolled
          ? <Empty icon="control" title="This site is not controlled">A server controls the site whose model, control.toml, stands in its folder. Plans can be made for any site.</Empty>
          : tab === 'plan' ? <PlanView place={place} /> : <Shown of={control} what="control">{(shown) => <Status place={place} status={shown} links={links} again={control.again} />}</Shown>}
      </Tabs>
    </Page>
  );
}
