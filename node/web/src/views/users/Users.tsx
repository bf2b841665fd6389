//! Who may do what: users of the server, members of an operator, what was done.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { Empty, Page, Select, Tabs } from '../../design';
import { go, toGlobal } from '../../router';
import { may, session } from '../../state/session';
import { operators } from '../../state/sites';
import { Audit } from './Audit';
import { Members } from './Members';
import { UserList } from './UserList';

type Tab = 'users' | 'members' | 'audit';

export function Users({ query }: { query: URLSearchParams }): JSX.Element {
  const everywhere = may('admin');
  const owned = administered();
  const [operator, setOperator] = useState(query.get('operator') ?? owned[0] ?? '');
  const asked = (['users', 'members', 'audit'] as const).find((each) => each === query.get('tab')) ?? 'users';
  const tab: Tab = everywhere ? asked : 'members';
  if (!everywhere && owned.length === 0) return <Page title="Users"><Empty icon="users" title="Not for your role">An admin of an operator, or of all, decides who may do what.</Empty></Page>;
  const tabs: { value: Tab; text: string }[] = [...(everywhere ? [{ value: 'users' as const, text: 'Users' }] : []), { value: 'members', text: 'Members' }, ...(everywhere ? [{ value: 'audit' as const, text: 'Audit trail' }] : [])];
  const chosen = operator === '' ? owned[0] ?? '' : operator;
  return (
    <Page title="Users">
      <Tabs label="Users" tabs={tabs} value={tab} onChange={(next) => { go(toGlobal('users', { tab: next })); }}>
        {tab === 'users' && everywhere && <UserList operators={owned} />}
        {tab === 'members' && (chosen === '' ? <Empty icon="users" title="No operator yet" /> : <>
          <div class="row"><Select label="Operator" options={owned.map((each) => ({ value: each, text: each }))} value={chosen} onValue={setOperator} /></div>
          <Members key={chosen} operator={chosen} />
        </>)}
        {tab === 'audit' && everywhere && <Audit />}
      </Tabs>
    </Page>
  );
}

/** The operators of which who is signed in is an admin. */
function administered(): string[] {
  const named = (operators.value ?? []).map((each) => each.operator);
  const held = Object.keys(session.value?.roles ?? {}).filter((each) => each !== '*');
  return [...new Set([...named, ...held])].filter((each) => may('admin', each)).sort();
}
