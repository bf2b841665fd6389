// Devices of a site, or one of them.

import { toSite } from '../../router';
import type { SiteViewProps } from '../props';
import { DevicePage } from './DevicePage';
import { Devices } from './Devices';

export default function View({ operator, site, query }: SiteViewProps) {
  const place = { operator, site };
  const name = query.get('device');
  const links = {
    list: toSite(operator, site, 'devices'),
    command: (series: string) => toSite(operator, site, 'commands', { series }),
    history: (series: string) => toSite(operator, site, 'history', { series }),
  };
  if (name !== null) return <DevicePage key={name} place={place} name={name} links={links} />;
  return <Devices place={place} href={(device) => toSite(operator, site, 'devices', { device })} />;
}
