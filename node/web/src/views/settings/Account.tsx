//! One's own account: password, sessions, roles.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Badge, Button, Card, type Column, Confirm, Facts, Field, Section, Table, Time, toast } from '../../design';
import { session } from '../../state/session';
import { changePassword, endSession, sessions as fetchSessions } from '../calls/people';
import { FormProblem, Shown, useAction } from '../kit';
import type { SessionEntry } from '../shapes';

export function Account(): JSX.Element {
  const who = session.value;
  const roles = Object.entries(who?.roles ?? {}).map(([place, role]) => `${role} ${place === '*' ? 'at all operators' : `at ${place}`}`);
  return (
    <>
      <div class="grid">
        <Card><Section title={who?.display_name ?? 'You'}><Facts facts={[['Signed in as', who?.user ?? ''], ['Roles', roles.join(', ') || 'none'], ['Until', <Time us={who?.expires_us} none="no end" absolute />]]} /></Section></Card>
        {who?.via === 'session' && <Card><Password /></Card>}
      </div>
      <Sessions />
    </>
  );
}

function Password(): JSX.Element {
  const [current, setCurrent] = useState('');
  const [next, setNext] = useState('');
  const [again, setAgain] = useState('');
  const differ = again !== '' && again !== next ? 'It is not the same.' : null;
  const action = useAction(async () => {
    await changePassword(current, next);
    setCurrent('');
    setNext('');
    setAgain('');
    toast('Your password is changed', 'good', 'Your other sessions have ended.');
  });
  const submit = (event: Event) => {
    event.preventDefault();
    if (next === again) action.run();
  };
  return (
    <Section title="Password">
      <form class="stack" onSubmit={submit}>
        <Field label="Password so far" type="password" autocomplete="current-password" value={current} onValue={setCurrent} wrong={wrongOf(action.problem, 'current')} />
        <Field label="New password" type="password" autocomplete="new-password" value={next} onValue={setNext} wrong={wrongOf(action.problem, 'new')} />
        <Field label="Once more" type="password" autocomplete="new-password" value={again} onValue={setAgain} wrong={differ} />
        <FormProblem problem={action.problem} fields={['current', 'new']} />
        <div class="row"><Button type="submit" busy={action.busy} disabled={current === '' || next === '' || next !== again}>Change the password</Button></div>
      </form>
    </Section>
  );
}

function Sessions(): JSX.Element {
  const sessions = useAsked('sessions', (signal) => fetchSessions(signal), { everyMs: 30_000 });
  const [ending, setEnding] = useState<SessionEntry>();
  const end = async (one: SessionEntry) => {
    await endSession(one.id);
    toast('The session has ended');
    sessions.again();
  };
  return (
    <Section title="Sessions">
      <Shown of={sessions} what="sessions">{(all) => <Table label="Your sessions" columns={columns(setEnding)} rows={all} rowKey={(one) => one.id} />}</Shown>
      {ending && <Confirm title="End this session?" act="End the session" danger onConfirm={() => end(ending)} onClose={() => { setEnding(undefined); }}><p>The browser at {ending.address ?? 'an unknown address'} is signed out at once.</p></Confirm>}
    </Section>
  );
}

function columns(end: (one: SessionEntry) => void): Column<SessionEntry>[] {
  return [
    { key: 'agent', title: 'Browser', cell: (one) => <span class="cell wrap">{one.agent ?? 'unknown'}{one.current && <> <Badge tone="accent" plain>this one</Badge></>}</span> },
    { key: 'address', title: 'From', cell: (one) => <span class="number">{one.address ?? 'unknown'}</span>, sort: (one) => one.address ?? null },
    { key: 'seen', title: 'Last seen', cell: (one) => <Time us={one.last_seen_us} />, sort: (one) => one.last_seen_us },
    { key: 'begun', title: 'Begun', hide: 'phone', cell: (one) => <Time us={one.begun_us} />, sort: (one) => one.begun_us },
    { key: 'ends', title: 'Ends', cell: (one) => <Time us={one.expires_us} />, sort: (one) => one.expires_us },
    { key: 'act', title: 'End', align: 'end', card: 'foot', cell: (one) => (one.current ? null : <Button onClick={() => { end(one); }}>End …</Button>) },
  ];
}
