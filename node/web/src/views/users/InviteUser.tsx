//! Inviting somebody: they get a link, and choose a password by it.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Button, Dialog, Field } from '../../design';
import { inviteUser } from '../calls/people';
import { FormProblem, useAction } from '../kit';
import type { Role } from '../shapes';
import type { Link } from './LinkOnce';
import { RoleFields } from './RoleFields';

export function InviteUser({ operators, onClose, onInvited }: { operators: readonly string[]; onClose: () => void; onInvited: (link: Link) => void }): JSX.Element {
  const [user, setUser] = useState('');
  const [name, setName] = useState('');
  const [roles, setRoles] = useState<Record<string, Role>>(operators.length === 1 && operators[0] !== undefined ? { [operators[0]]: 'viewer' } : {});
  const action = useAction(async () => {
    const invited = await inviteUser({ user: user.trim(), ...(name.trim() === '' ? {} : { display_name: name.trim() }), roles });
    onInvited({ user: invited.user.user, link: invited.link, expires_us: invited.expires_us });
  });
  return (
    <Dialog title="Invite somebody" onClose={onClose} foot={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="invite" busy={action.busy} disabled={user.trim() === ''}>Make a link</Button></>}>
      <form id="invite" class="stack" onSubmit={(event) => { event.preventDefault(); action.run(); }}>
        <Field label="Name to sign in with" value={user} onValue={setUser} maxLength={64} wrong={wrongOf(action.problem, 'user')} autocapitalize="none" spellcheck={false} hint="An address of e-mail, as a rule" />
        <Field label="Name to be shown" value={name} onValue={setName} wrong={wrongOf(action.problem, 'display_name')} />
        <RoleFields roles={roles} operators={operators} set={setRoles} wrong={wrongOf(action.problem, 'roles')} />
        <FormProblem problem={action.problem} fields={['user', 'display_name', 'roles']} />
      </form>
    </Dialog>
  );
}
