// Files with history: taken in, watched, reported.

import { Empty, Page } from '../../design';
import { may } from '../place';
import type { SiteViewProps } from '../props';
import { Imports } from './Imports';

export default function View({ operator, site, query }: SiteViewProps) {
  const place = { operator, site };
  if (!may(place, 'engineer')) return <Page title="Imports"><Empty icon="upload" title="Not for your role">Who has the role engineer at {operator} takes files in.</Empty></Page>;
  return <Imports place={place} opened={query.get('import') ?? undefined} />;
}
