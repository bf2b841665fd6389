//! All users of the server.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Empty, Search, Table, Time } from '../../design';
import { session } from '../../state/session';
import { users as fetchUsers } from '../calls/people';
import { Shown } from '../kit';
import type { User } from '../shapes';
import { InviteUser } from './InviteUser';
import { type Link, LinkOnce } from './LinkOnce';
import { UserDialog } from './UserDialog';

export function UserList({ operators }: { operators: readonly string[] }): JSX.Element {
  const users = useAsked('users', (signal) => fetchUsers(signal));
  const [search, setSearch] = useState('');
  const [shown, setShown] = useState<'invite' | { user: User } | { once: Link }>();
  const close = () => { setShown(undefined); };
  const told = (link: Link | null) => {
    setShown(link ? { once: link } : undefined);
    users.again();
  };
  const fits = (user: User) => `${user.user} ${user.display_name}`.toLowerCase().includes(search.toLowerCase().trim());
  return (
    <>
      <div class="row"><Search label="Search by name" value={search} onValue={setSearch} /><span class="push"><Button kind="primary" icon="plus" onClick={() => { setShown('invite'); }}>Invite somebody</Button></span></div>
      <Shown of={users} what="users">
        {(all) => <Table label="Users" columns={COLUMNS} rows={all.filter(fits)} rowKey={(user) => user.user} onOpen={(user) => { setShown({ user }); }} empty={<Empty icon="search" title="Nobody fits" action={<Button onClick={() => { setSearch(''); }}>Show all</Button>} />} />}
      </Shown>
      {shown === 'invite' && <InviteUser operators={operators} onClose={close} onInvited={told} />}
      {typeof shown === 'object' && 'user' in shown && <UserDialog user={shown.user} operators={operators} onClose={close} onChanged={told} />}
      {typeof shown === 'object' && 'once' in shown && <LinkOnce link={shown.once} close={close} />}
    </>
  );
}

const COLUMNS: Column<User>[] = [
  { key: 'user', title: 'User', cell: (user) => <><strong class="wrap">{user.display_name}</strong>{user.user === session.value?.user && <> <Badge tone="accent" plain>you</Badge></>}<div class="faint small wrap">{user.user}</div></>, sort: (user) => user.display_name },
  { key: 'roles', title: 'Roles', cell: (user) => <span class="cell">{Object.entries(user.roles).map(([place, role]) => `${role} ${place === '*' ? 'everywhere' : `at ${place}`}`).join(', ') || <span class="faint">none</span>}</span> },
  { key: 'state', title: 'State', card: 'side', cell: (user) => (user.disabled ? <Badge tone="critical">shut out</Badge> : user.password || user.oidc ? <Badge tone="good">active</Badge> : <Badge tone="info">invited</Badge>), sort: (user) => Number(user.disabled) },
  { key: 'how', title: 'Signs in by', hide: 'phone', cell: (user) => <span class="muted">{[user.password ? 'password' : '', user.oidc ? 'OpenID Connect' : ''].filter(Boolean).join(', ') || 'nothing yet'}</span> },
  { key: 'seen', title: 'Last seen', cell: (user) => <Time us={user.last_seen_us} />, sort: (user) => user.last_seen_us ?? null },
];
