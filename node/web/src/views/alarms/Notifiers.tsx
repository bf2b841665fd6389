//! Who is told of alarms: by mail, or by a webhook; with a test, and how it went.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { useAsked } from '../../api/use';
import { Badge, Button, type Column, Confirm, Empty, Table, Time, toast, toastProblem } from '../../design';
import { notifiers as fetchNotifiers, removeNotifier, testNotifier } from '../calls/alarms';
import { Shown } from '../kit';
import { may, type Place } from '../place';
import type { Notifier } from '../shapes';
import { NotifierDialog } from './NotifierDialog';

export function Notifiers({ place }: { place: Place }): JSX.Element {
  const admin = may(place, 'admin');
  const notifiers = useAsked(place.operator, (signal) => fetchNotifiers(place, signal), { everyMs: 15_000 });
  const [shown, setShown] = useState<{ edit: Notifier | null } | { remove: Notifier }>();
  const [testing, setTesting] = useState<string>();
  const close = () => { setShown(undefined); };
  const test = (notifier: Notifier) => {
    setTesting(notifier.id);
    testNotifier(place, notifier.id).then((trial) => {
      if (trial.sent) toast(`${notifier.name} was told`);
      else toast(`${notifier.name} could not be told`, 'critical', trial.problem ?? undefined);
    }, toastProblem).finally(() => { setTesting(undefined); notifiers.again(); });
  };
  const remove = async (notifier: Notifier) => {
    await removeNotifier(place, notifier.id);
    toast(`${notifier.name} is told nothing any more`);
    notifiers.again();
  };
  const begin = () => { setShown({ edit: null }); };
  return (
    <>
      {admin && <div class="row"><span class="push"><Button kind="primary" icon="plus" onClick={begin}>Tell somebody</Button></span></div>}
      <Shown of={notifiers} what="notifiers">
        {(all) => <Table label="Notifiers" columns={columns(admin, testing, test, (remove) => { setShown({ remove }); })} rows={all} rowKey={(each) => each.id} {...(admin ? { onOpen: (edit: Notifier) => { setShown({ edit }); } } : {})}
          empty={<Empty icon="bell" title="Nobody is told" action={admin && <Button onClick={begin}>Tell somebody</Button>}>Alarms stand on the page. A notifier sends them by mail or to a program.</Empty>} />}
      </Shown>
      {shown && 'edit' in shown && <NotifierDialog place={place} notifier={shown.edit} onClose={close} onSaved={() => { close(); notifiers.again(); }} />}
      {shown && 'remove' in shown && <Confirm title={`Remove ${shown.remove.name}?`} act="Remove it" danger onConfirm={() => remove(shown.remove)} onClose={close}><p>Rules that name it tell it nothing any more.</p></Confirm>}
    </>
  );
}

function columns(admin: boolean, testing: string | undefined, test: (notifier: Notifier) => void, remove: (notifier: Notifier) => void): Column<Notifier>[] {
  return [
    { key: 'name', title: 'Name', cell: (each) => <><strong>{each.name}</strong>{!each.enabled && <> <Badge plain>off</Badge></>}</>, sort: (each) => each.name },
    { key: 'to', title: 'Told', cell: (each) => <span class="cell wrap">{each.kind === 'email' ? each.to.join(', ') : <>{each.url}{each.signed && <> <Badge plain>signed</Badge></>}</>}</span> },
    { key: 'sent', title: 'Last told', cell: (each) => <><Time us={each.last_sent_us} />{each.waiting > 0 && <div class="small muted">{each.waiting} waiting</div>}</>, sort: (each) => each.last_sent_us ?? null },
    { key: 'problem', title: 'State', cell: (each) => (each.last_problem ? <span class="cell"><Badge tone="critical">failing</Badge> <span class="small wrap">{each.last_problem}</span></span> : <Badge tone={each.enabled ? 'good' : undefined}>{each.enabled ? 'ok' : 'off'}</Badge>) },
    { key: 'act', title: 'Try', align: 'end', card: 'foot', cell: (each) => (admin ? <span class="row"><Button busy={testing === each.id} onClick={() => { test(each); }} aria-label={`Send a test to ${each.name}`}>Test</Button><Button kind="quiet" onClick={() => { remove(each); }} aria-label={`Remove ${each.name}`}>Remove …</Button></span> : null) },
  ];
}
