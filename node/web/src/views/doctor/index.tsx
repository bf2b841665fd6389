// What the data doctor finds.

import type { SiteViewProps } from '../props';
import { Doctor } from './Doctor';

export default function View({ operator, site, query }: SiteViewProps) {
  return <Doctor place={{ operator, site }} series={query.get('series') ?? ''} />;
}
