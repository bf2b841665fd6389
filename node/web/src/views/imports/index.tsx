import { Page } from '../../design';
import type { SiteViewProps } from '../props';

export default function Imports({ operator, site }: SiteViewProps) {
  return <Page title="Imports" about={`${operator} / ${site}`}>{null}</Page>;
}
