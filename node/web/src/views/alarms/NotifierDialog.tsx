//! Making a notifier, or changing it.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { Area, Button, Check, Dialog, Field, Segments, toast } from '../../design';
import { changeNotifier, createNotifier, type NotifierDraft } from '../calls/alarms';
import { FormProblem, useAction } from '../kit';
import type { Place } from '../place';
import type { Notifier } from '../shapes';

const KINDS = [{ value: 'email', text: 'Mail' }, { value: 'webhook', text: 'Webhook' }] as const;

export function NotifierDialog({ place, notifier, onClose, onSaved }: { place: Place; notifier: Notifier | null; onClose: () => void; onSaved: () => void }): JSX.Element {
  const [name, setName] = useState(notifier?.name ?? '');
  const [kind, setKind] = useState<Notifier['kind']>(notifier?.kind ?? 'email');
  const [to, setTo] = useState((notifier?.to ?? []).join('\n'));
  const [url, setUrl] = useState(notifier?.url ?? '');
  const [secret, setSecret] = useState('');
  const [enabled, setEnabled] = useState(notifier?.enabled ?? true);
  const addresses = to.split(/[\s,;]+/).filter(Boolean);
  const draft: NotifierDraft = kind === 'email' ? { name: name.trim(), enabled, kind, to: addresses } : { name: name.trim(), enabled, kind, url: url.trim(), ...(secret === '' ? {} : { secret }) };
  const action = useAction(async () => {
    await (notifier ? changeNotifier(place, notifier.id, draft) : createNotifier(place, draft));
    toast(notifier ? `${draft.name} is changed` : `${draft.name} is told from now on`);
    onSaved();
  });
  const ready = name.trim() !== '' && (kind === 'email' ? addresses.length > 0 : url.trim() !== '');
  return (
    <Dialog title={notifier ? notifier.name : 'Tell somebody'} onClose={onClose} foot={
      <><Button onClick={onClose}>Cancel</Button><Button kind="primary" type="submit" form="notifier" busy={action.busy} disabled={!ready}>{notifier ? 'Change it' : 'Tell from now on'}</Button></>
    }>
      <form id="notifier" class="stack" onSubmit={(event) => { event.preventDefault(); if (ready) action.run(); }}>
        <Field label="Name" value={name} onValue={setName} maxLength={120} wrong={wrongOf(action.problem, 'name')} />
        {!notifier && <Segments label="How" options={KINDS} value={kind} onChange={setKind} />}
        {kind === 'email'
          ? <Area label="Addresses" value={to} onValue={setTo} rows={3} wrong={wrongOf(action.problem, 'to')} hint="One a line, 20 at the most" />
          : <>
              <Field label="Address" type="url" value={url} onValue={setUrl} wrong={wrongOf(action.problem, 'url')} placeholder="https://" hint="A POST of JSON goes there. Addresses within the server's own network are refused." spellcheck={false} />
              <Field label="Secret" type="password" value={secret} onValue={setSecret} wrong={wrongOf(action.problem, 'secret')} autocomplete="new-password" hint={notifier?.signed ? 'Each message is signed. Empty: the secret stays as it is.' : 'Each message is signed with it, 16 to 256 characters; empty: none is signed.'} />
            </>}
        <Check label="It tells" checked={enabled} onValue={setEnabled} />
        <FormProblem problem={action.problem} fields={['name', 'to', 'url', 'secret']} />
      </form>
    </Dialog>
  );
}
