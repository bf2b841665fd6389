import { Page } from '../../design';

export default function Settings() {
  return <Page title="Settings">{null}</Page>;
}
