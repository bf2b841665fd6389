// What a link opens: the first start, an invitation, a new password, or a session straight away.

import { useEffect, useRef, useState } from 'preact/hooks';

import { ask, api, type Schemas } from '../../api/client';
import { asProblem, wrongOf, type ProblemError } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Button, Field, ProblemNote, Skeleton, Time } from '../../design';
import { go, toGlobal } from '../../router';
import { Gate } from '../../shell/Gate';
import { begin } from '../../state/session';

type Kind = Schemas['InvitationKind'];

const TITLES: Record<Kind, string> = { first: 'Set up this server', user: 'Welcome', reset: 'A new password', sign_in: 'Sign in' };

const ABOUT: Record<Kind, string> = {
  first: 'You make the first user, who may do everything. Others are invited by you.',
  user: 'Choose a password to begin.',
  reset: 'The earlier password ends when you have chosen a new one.',
  sign_in: 'This link signs you in once.',
};

export function Invitation({ secret }: { secret: string }) {
  const shown = useAsked(secret, (signal) => ask(api.GET('/api/v1/invitations/{invitation}', { params: { path: { invitation: secret } }, signal })));
  const kind: Kind = shown.data?.kind ?? 'user';
  return (
    <Gate title={shown.data ? TITLES[kind] : 'Link'}>
      {shown.loading && <Skeleton height="8rem" />}
      {shown.problem && (
        <>
          <ProblemNote problem={shown.problem} again={shown.problem.status === 0 ? shown.again : undefined} />
          <Button onClick={() => { go(toGlobal('overview')); }}>To the page</Button>
        </>
      )}
      {shown.data && (
        <>
          <p class="muted">{ABOUT[kind]} The link ends <Time us={shown.data.expires_us} />.</p>
          {kind === 'sign_in' ? <Straight secret={secret} /> : <Form secret={secret} kind={kind} user={shown.data.user ?? null} />}
        </>
      )}
    </Gate>
  );
}

async function accept(secret: string, body: Schemas['InvitationAnswer']): Promise<void> {
  begin(await ask(api.POST('/api/v1/invitations/{invitation}', { params: { path: { invitation: secret } }, body })));
  // The link is spent: it stays neither in the address nor in the browser's history.
  history.replaceState(null, '', toGlobal('overview'));
  dispatchEvent(new HashChangeEvent('hashchange'));
}

/** A link for one sign-in. The press keeps programs that look at links in messages from spending it. */
function Straight({ secret }: { secret: string }) {
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const [busy, setBusy] = useState(false);
  const button = useRef<HTMLDivElement>(null);
  useEffect(() => { button.current?.querySelector('button')?.focus(); }, []);
  const enter = () => {
    setBusy(true);
    accept(secret, {}).catch((error: unknown) => { setProblem(asProblem(error)); setBusy(false); });
  };
  return (
    <div ref={button} class="stack">
      {problem && <ProblemNote problem={problem} />}
      <Button kind="primary" busy={busy} onClick={enter}>Continue</Button>
    </div>
  );
}

function Form({ secret, kind, user }: { secret: string; kind: Kind; user: string | null }) {
  const [name, setName] = useState(user ?? '');
  const [display, setDisplay] = useState('');
  const [password, setPassword] = useState('');
  const [again, setAgain] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const differs = again !== '' && again !== password;
  const submit = async (event: Event) => {
    event.preventDefault();
    if (password !== again) { setAgain(again || ' '); return; }
    setBusy(true);
    setProblem(null);
    try {
      await accept(secret, { password, ...(user === null ? { user: name } : {}), ...(display ? { display_name: display } : {}) });
    } catch (error) {
      setProblem(asProblem(error));
      setBusy(false);
    }
  };
  const named = ['user', 'display_name', 'password'];
  return (
    <form onSubmit={(event) => void submit(event)}>
      <Field label="User" name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required readOnly={user !== null} value={name} onValue={setName}
        wrong={wrongOf(problem, 'user')} hint={user === null ? 'What you sign in with: a short name or an address' : undefined} />
      {kind !== 'reset' && <Field label="Name (optional)" autocomplete="name" value={display} onValue={setDisplay} wrong={wrongOf(problem, 'display_name')} />}
      <Field label="Password" name="password" type="password" autocomplete="new-password" required value={password} onValue={setPassword}
        wrong={wrongOf(problem, 'password')} hint="A few words that belong only here are better than signs" />
      <Field label="Password once more" type="password" autocomplete="new-password" required value={again} onValue={setAgain} wrong={differs ? 'The two are not the same' : null} />
      {problem && !named.includes(problem.field ?? '') && <ProblemNote problem={problem} />}
      <Button kind="primary" type="submit" busy={busy}>{kind === 'first' ? 'Begin' : 'Set the password and sign in'}</Button>
    </form>
  );
}
