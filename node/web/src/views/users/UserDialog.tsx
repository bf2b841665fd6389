//! One user: name, roles, a new password, shutting out, removing.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Button, Confirm, Dialog, Facts, Field, Note, Time, toast } from '../../design';
import { session } from '../../state/session';
import { changeUser, removeUser } from '../calls/people';
import { FormProblem, useAction } from '../kit';
import type { User } from '../shapes';
import type { Link } from './LinkOnce';
import { RoleFields } from './RoleFields';

interface Props { user: User; operators: readonly string[]; onClose: () => void; onChanged: (link: Link | null) => void }

export function UserDialog({ user, operators, onClose, onChanged }: Props): JSX.Element {
  const [name, setName] = useState(user.display_name);
  const [roles, setRoles] = useState(user.roles);
  const [asking, setAsking] = useState<'reset' | 'shut' | 'remove'>();
  const own = user.user === session.value?.user;
  const save = useAction(async () => {
    await changeUser(user.user, { display_name: name.trim(), roles });
    toast(`${name.trim()} is changed`);
    onChanged(null);
  });
  if (asking) return <Asking user={user} what={asking} onClose={() => { setAsking(undefined); }} onChanged={onChanged} />;
  return (
    <Dialog title={user.display_name} onClose={onClose} foot={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="user" busy={save.busy}>Change {user.user}</Button></>}>
      <Facts facts={[['Signs in as', user.user], ['Since', <Time us={user.created_us} absolute />], ['Last seen', <Time us={user.last_seen_us} />]]} />
      <form id="user" class="stack" onSubmit={(event) => { event.preventDefault(); save.run(); }}>
        <Field label="Name to be shown" value={name} onValue={setName} wrong={wrongOf(save.problem, 'display_name')} />
        <RoleFields roles={roles} operators={operators} set={setRoles} wrong={wrongOf(save.problem, 'roles')} />
        <FormProblem problem={save.problem} fields={['display_name', 'roles']} />
      </form>
      {own ? <Note tone="info" title="This is you">Your own password is changed under Settings. Another admin can shut you out or remove you.</Note> : (
        <div class="row">
          <Button icon="key" onClick={() => { setAsking('reset'); }}>New password …</Button>
          <Button kind={user.disabled ? 'plain' : 'danger'} onClick={() => { setAsking('shut'); }}>{user.disabled ? 'Let in again …' : 'Shut out …'}</Button>
          <Button kind="danger" onClick={() => { setAsking('remove'); }}>Remove …</Button>
        </div>
      )}
    </Dialog>
  );
}

function Asking({ user, what, onClose, onChanged }: { user: User; what: 'reset' | 'shut' | 'remove'; onClose: () => void; onChanged: (link: Link | null) => void }): JSX.Element {
  const who = user.display_name;
  switch (what) {
    case 'reset': {
      const reset = async () => {
        const { link, expires_us } = await changeUser(user.user, { reset: true });
        onChanged(link ? { user: user.user, link, expires_us } : null);
      };
      return <Confirm title={`A new password for ${who}?`} act="Make a link" onConfirm={reset} onClose={onClose}><p>The password so far and all sessions of {user.user} end at once. You get a link to send them.</p></Confirm>;
    }
    case 'shut': {
      const shut = async () => {
        await changeUser(user.user, { disabled: !user.disabled });
        toast(user.disabled ? `${who} is let in again` : `${who} is shut out`);
        onChanged(null);
      };
      return <Confirm title={user.disabled ? `Let ${who} in again?` : `Shut ${who} out?`} act={user.disabled ? `Let ${user.user} in` : `Shut ${user.user} out`} danger={!user.disabled} onConfirm={shut} onClose={onClose}><p>{user.disabled ? 'Password, roles and tokens are good again.' : 'All sessions end at once, and tokens are good for nothing meanwhile. It can be taken back.'}</p></Confirm>;
    }
    case 'remove': {
      const remove = async () => {
        await removeUser(user.user);
        toast(`${who} is removed`);
        onChanged(null);
      };
      return <Confirm title={`Remove ${who}?`} act={`Remove ${user.user}`} danger onConfirm={remove} onClose={onClose}><p>Sessions and tokens of {user.user} end, and the account is gone. What they did stays in the audit trail. It cannot be taken back.</p></Confirm>;
    }
  }
}
