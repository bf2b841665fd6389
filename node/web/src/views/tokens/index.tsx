import { Page } from '../../design';

export default function Tokens() {
  return <Page title="Tokens">{null}</Page>;
}
