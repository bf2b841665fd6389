// Commands of a site, or why something was decided.

import { toSite } from '../../router';
import type { SiteViewProps } from '../props';
import { Commands } from './Commands';
import { WhyView } from './WhyView';

export default function View({ operator, site, query }: SiteViewProps) {
  const place = { operator, site };
  const series = query.get('series') ?? undefined;
  const why = query.get('why');
  if (why !== null) return <WhyView key={why} place={place} series={why} at={query.get('at') ?? undefined} back={toSite(operator, site, 'commands')} />;
  const links = {
    why: (about: string, at: number) => toSite(operator, site, 'commands', { why: about, at: String(at) }),
    control: toSite(operator, site, 'control'),
  };
  return <Commands key={series ?? ''} place={place} links={links} series={series} />;
}
