// Users, members of operators, and the audit trail: for admins.

import { Users } from './Users';

export default function View({ query }: { query: URLSearchParams }) {
  return <Users query={query} />;
}
