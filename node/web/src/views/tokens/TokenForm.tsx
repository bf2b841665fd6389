//! Making a token: what it may, where, for how long.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Button, Check, Dialog, Field, Select } from '../../design';
import { session } from '../../state/session';
import { operators } from '../../state/sites';
import { createToken } from '../calls/people';
import { FormProblem, useAction } from '../kit';
import type { Scope, Token } from '../shapes';
import { SCOPE_WORDS, usefulScopes } from '../users/roles';

const ENDS = [{ value: '30d', text: 'in 30 days' }, { value: '90d', text: 'in 90 days' }, { value: '365d', text: 'in a year' }, { value: '', text: 'never' }] as const;

export function TokenForm({ onClose, onMade }: { onClose: () => void; onMade: (made: { token: Token; secret: string }) => void }): JSX.Element {
  const [name, setName] = useState('');
  const [scopes, setScopes] = useState<readonly Scope[]>(['read']);
  const [places, setPlaces] = useState<readonly string[]>([]);
  const [expires, setExpires] = useState<(typeof ENDS)[number]['value']>('90d');
  const offered = usefulScopes(session.value?.roles ?? {});
  const known = (operators.value ?? []).map((each) => each.operator);
  const action = useAction(async () => {
    onMade(await createToken({ name: name.trim(), scopes: [...scopes], ...(places.length > 0 ? { operators: [...places] } : {}), ...(expires === '' ? {} : { expires }) }));
  });
  const toggle = <T extends string>(list: readonly T[], one: T, on: boolean) => (on ? [...list, one] : list.filter((each) => each !== one));
  return (
    <Dialog title="Make a token" onClose={onClose} foot={<><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="token" busy={action.busy} disabled={name.trim() === ''}>Make it</Button></>}>
      <form id="token" class="stack" onSubmit={(event) => { event.preventDefault(); action.run(); }}>
        <Field label="Name" value={name} onValue={setName} maxLength={64} wrong={wrongOf(action.problem, 'name')} hint="What it is for" />
        <fieldset class="stack">
          <legend>What it may</legend>
          {offered.map((scope) => <Check key={scope} label={<><strong>{scope}</strong> <span class="muted">{SCOPE_WORDS[scope]}</span></>} checked={scopes.includes(scope)} disabled={scope === 'read'} onValue={(on) => { setScopes(toggle(scopes, scope, on)); }} />)}
        </fieldset>
        {known.length > 1 && (
          <fieldset class="stack">
            <legend>Where</legend>
            {known.map((operator) => <Check key={operator} label={operator} checked={places.includes(operator)} onValue={(on) => { setPlaces(toggle(places, operator, on)); }} />)}
            <p class="muted small">None chosen: wherever you have a role.</p>
          </fieldset>
        )}
        <Select label="It ends" options={ENDS} value={expires} onValue={setExpires} wrong={wrongOf(action.problem, 'expires')} />
        <FormProblem problem={action.problem} fields={['name', 'expires']} />
      </form>
    </Dialog>
  );
}
