import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Doctor({ operator, site }: SiteViewProps) {
  return <Page title="Doctor" about={`${operator} / ${site}`}>{null}</Page>;
}
