import { Page } from '../../design';

export default function Live() {
  return <Page title="Live">{null}</Page>;
}
