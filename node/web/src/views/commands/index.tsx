import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Commands({ operator, site }: SiteViewProps) {
  return <Page title="Commands" about={`${operator} / ${site}`}>{null}</Page>;
}
