import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Alarms({ operator, site }: SiteViewProps) {
  return <Page title="Alarms" about={`${operator} / ${site}`}>{null}</Page>;
}
