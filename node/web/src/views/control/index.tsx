// Control of a site, and plans.

import { toSite } from '../../router';
import type { SiteViewProps } from '../props';
import { Control } from './Control';
import type { ControlTab } from './links';

const TABS: readonly ControlTab[] = ['status', 'plan', 'plans'];

export default function View({ operator, site, query }: SiteViewProps) {
  const tab = TABS.find((each) => each === query.get('tab')) ?? 'status';
  const links = {
    why: (asset: string) => toSite(operator, site, 'commands', { why: `${site}.${asset}` }),
    tab: (next: ControlTab) => toSite(operator, site, 'control', next === 'status' ? {} : { tab: next }),
  };
  return <Control place={{ operator, site }} tab={tab} links={links} />;
}
