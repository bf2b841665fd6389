import { Page } from '../../design';

export default function Users() {
  return <Page title="Users">{null}</Page>;
}
