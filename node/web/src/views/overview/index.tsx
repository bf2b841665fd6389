import { Page } from '../../design';

export default function Overview() {
  return <Page title="Overview">{null}</Page>;
}
