import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Devices({ operator, site }: SiteViewProps) {
  return <Page title="Devices" about={`${operator} / ${site}`}>{null}</Page>;
}
