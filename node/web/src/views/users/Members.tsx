//! Who has a role at an operator.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Confirm, Dialog, Empty, Field, Table, toast } from '../../design';
import { inviteMember, members as fetchMembers, removeMember, setMember } from '../calls/people';
import { FormProblem, Shown, useAction } from '../kit';
import type { Member, Role } from '../shapes';
import { type Link, LinkOnce } from './LinkOnce';
import { RoleSelect } from './RoleFields';
import { ROLE_WORDS } from './roles';

export function Members({ operator }: { operator: string }): JSX.Element {
  const members = useAsked(operator, (signal) => fetchMembers({ operator }, signal));
  const [shown, setShown] = useState<'add' | { change: Member } | { remove: Member } | { once: Link }>();
  const close = () => { setShown(undefined); };
  const done = (link: Link | null) => {
    setShown(link ? { once: link } : undefined);
    members.again();
  };
  const remove = async (member: Member) => {
    await removeMember({ operator }, member.user);
    toast(`${member.display_name} has no role at ${operator} any more`);
    members.again();
  };
  const columns: Column<Member>[] = [
    { key: 'user', title: 'Member', cell: (member) => <><strong class="wrap">{member.display_name}</strong><div class="faint small wrap">{member.user}</div></>, sort: (member) => member.display_name },
    { key: 'role', title: 'Role', cell: (member) => <><Badge plain>{member.role}</Badge> <span class="muted small">{member.everywhere ? 'at all operators' : ROLE_WORDS[member.role]}</span></>, sort: (member) => member.role },
    { key: 'act', title: 'Change', align: 'end', card: 'foot', cell: (member) => (member.everywhere ? null : <span class="row"><Button onClick={() => { setShown({ change: member }); }} aria-label={`Change the role of ${member.display_name}`}>Change</Button><Button kind="quiet" onClick={() => { setShown({ remove: member }); }} aria-label={`Remove ${member.display_name}`}>Remove …</Button></span>) },
  ];
  return (
    <>
      <div class="row"><span class="push"><Button kind="primary" icon="plus" onClick={() => { setShown('add'); }}>Add a member</Button></span></div>
      <Shown of={members} what="members">{(all) => <Table label={`Members of ${operator}`} columns={columns} rows={all} rowKey={(member) => member.user} empty={<Empty icon="users" title="Nobody has a role here" />} />}</Shown>
      {shown === 'add' && <AddMember operator={operator} onClose={close} onDone={done} />}
      {typeof shown === 'object' && 'change' in shown && <ChangeMember operator={operator} member={shown.change} onClose={close} onDone={() => { done(null); }} />}
      {typeof shown === 'object' && 'remove' in shown && <Confirm title={`Remove ${shown.remove.display_name} from ${operator}?`} act={`Remove ${shown.remove.user}`} danger onConfirm={() => remove(shown.remove)} onClose={close}><p>They see nothing of {operator} any more, at once. The account stays.</p></Confirm>}
      {typeof shown === 'object' && 'once' in shown && <LinkOnce link={shown.once} close={close} />}
    </>
  );
}

function AddMember({ operator, onClose, onDone }: { operator: string; onClose: () => void; onDone: (link: Link | null) => void }): JSX.Element {
  const [user, setUser] = useState('');
  const [name, setName] = useState('');
  const [role, setRole] = useState<Role>('viewer');
  const action = useAction(async () => {
    const { member, link, expires_us } = await inviteMember({ operator }, { user: user.trim(), role, ...(name.trim() === '' ? {} : { display_name: name.trim() }) });
    toast(`${member.display_name} is ${member.role} at ${operator}`);
    onDone(link ? { user: member.user, link, expires_us } : null);
  });
  return (
    <Dialog title={`Add a member to ${operator}`} onClose={onClose} foot={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="member" busy={action.busy} disabled={user.trim() === ''}>Add to {operator}</Button></>}>
      <form id="member" class="stack" onSubmit={(event) => { event.preventDefault(); action.run(); }}>
        <Field label="Name to sign in with" value={user} onValue={setUser} maxLength={64} wrong={wrongOf(action.problem, 'user')} autocapitalize="none" spellcheck={false} hint="Who is not known yet is invited, by a link" />
        <Field label="Name to be shown" value={name} onValue={setName} wrong={wrongOf(action.problem, 'display_name')} hint="Of one who is invited" />
        <RoleSelect role={role} set={setRole} wrong={wrongOf(action.problem, 'role')} />
        <FormProblem problem={action.problem} fields={['user', 'display_name', 'role']} />
      </form>
    </Dialog>
  );
}

function ChangeMember({ operator, member, onClose, onDone }: { operator: string; member: Member; onClose: () => void; onDone: () => void }): JSX.Element {
  const [role, setRole] = useState(member.role);
  const action = useAction(async () => {
    await setMember({ operator }, member.user, role);
    toast(`${member.display_name} is ${role} at ${operator}`);
    onDone();
  });
  return (
    <Dialog title={`${member.display_name} at ${operator}`} onClose={onClose} foot={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="role" busy={action.busy} disabled={role === member.role}>Make them {role}</Button></>}>
      <form id="role" class="stack" onSubmit={(event) => { event.preventDefault(); action.run(); }}><RoleSelect role={role} set={setRole} wrong={wrongOf(action.problem, 'role')} /><FormProblem problem={action.problem} fields={['role']} /></form>
    </Dialog>
  );
}
