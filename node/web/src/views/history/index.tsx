import { Page } from '../../design';

export default function History() {
  return <Page title="History">{null}</Page>;
}
