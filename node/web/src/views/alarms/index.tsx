// Alarms at an operator, those of the site first.

import type { SiteViewProps } from '../props';
import { Alarms } from './Alarms';
import type { AlarmTab } from './tabs';

const TABS: readonly AlarmTab[] = ['open', 'history', 'rules', 'notifiers'];

export default function View({ operator, site, query }: SiteViewProps) {
  return <Alarms place={{ operator, site }} tab={TABS.find((tab) => tab === query.get('tab')) ?? 'open'} />;
}
