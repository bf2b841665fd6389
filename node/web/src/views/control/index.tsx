import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Control({ operator, site }: SiteViewProps) {
  return <Page title="Control" about={`${operator} / ${site}`}>{null}</Page>;
}
