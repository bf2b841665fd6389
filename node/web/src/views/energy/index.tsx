// The energy of a site by day, month, year.

import type { SiteViewProps } from '../props';
import { Energy } from './Energy';

export default function View({ operator, site, query }: SiteViewProps) {
  return <Energy place={{ operator, site }} query={query} />;
}
