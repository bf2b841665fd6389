//! Alarms: what holds now, what held before, what is watched, and who is told.

import type { JSX } from 'preact';

import { Page, Tabs } from '../../design';
import { go, toSite } from '../../router';
import { may, type Place } from '../place';
import { AlarmList } from './AlarmList';
import { Notifiers } from './Notifiers';
import { Rules } from './Rules';
import type { AlarmTab } from './tabs';

export function Alarms({ place, tab }: { place: Place; tab: AlarmTab }): JSX.Element {
  const tabs: { value: AlarmTab; text: string }[] = [{ value: 'open', text: 'Open' }, { value: 'history', text: 'History' }, { value: 'rules', text: 'Rules' }];
  if (may(place, 'engineer')) tabs.push({ value: 'notifiers', text: 'Who is told' });
  const choose = (next: AlarmTab) => { go(toSite(place.operator, place.site, 'alarms', next === 'open' ? {} : { tab: next })); };
  return (
    <Page title="Alarms" about={`at ${place.operator}`}>
      <Tabs label="Alarms" tabs={tabs} value={tabs.some((each) => each.value === tab) ? tab : 'open'} onChange={choose}>
        {tab === 'rules' ? <Rules place={place} /> : tab === 'notifiers' && may(place, 'engineer') ? <Notifiers place={place} /> : <AlarmList key={tab} place={place} history={tab === 'history'} />}
      </Tabs>
    </Page>
  );
}
