import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Energy({ operator, site }: SiteViewProps) {
  return <Page title="Energy" about={`${operator} / ${site}`}>{null}</Page>;
}
