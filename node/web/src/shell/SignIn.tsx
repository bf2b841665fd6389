import { useState } from 'preact/hooks';

import { ask, api, BASE } from '../api/client';
import { asProblem, wrongOf, type ProblemError } from '../api/problem';
import { useAsked } from '../api/use';
import { Button, Field, Note, ProblemNote } from '../design';
import { begin, ended } from '../state/session';
import { Gate } from './Gate';

export function SignIn({ query }: { query: URLSearchParams }) {
  const methods = useAsked('methods', (signal) => ask(api.GET('/api/v1/session/methods', { signal })));
  const [user, setUser] = useState('');
  const [password, setPassword] = useState('');
  const [busy, setBusy] = useState(false);
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const submit = async (event: Event) => {
    event.preventDefault();
    setBusy(true);
    setProblem(null);
    try {
      begin(await ask(api.POST('/api/v1/session', { body: { user, password } })));
    } catch (error) {
      setProblem(asProblem(error));
      setPassword('');
    }
    setBusy(false);
  };
  const refused = query.get('problem');
  const { data } = methods;
  const oidc = data?.oidc ?? null;
  const asksPassword = data?.password === true && !data.first_start;
  return (
    <Gate title="Sign in">
      {ended.value && <Note title="You were signed out">The session is over: its time ran out, or it was ended elsewhere.</Note>}
      {refused && <Note tone="critical" title="Signing in did not work">{refused}</Note>}
      {methods.problem && <ProblemNote problem={methods.problem} again={methods.again} />}
      {data?.first_start && (
        <Note title="This server has no users yet">When it started, it wrote a link to its log that makes the first one. The link is good once.</Note>
      )}
      {asksPassword && (
        <form onSubmit={(event) => void submit(event)}>
          <Field label="User" name="username" autocomplete="username" autocapitalize="none" spellcheck={false} required autofocus value={user} onValue={setUser} wrong={wrongOf(problem, 'user')} />
          <Field label="Password" name="password" type="password" autocomplete="current-password" required value={password} onValue={setPassword} wrong={wrongOf(problem, 'password')} />
          {problem?.field === null && <ProblemNote problem={problem} />}
          <Button kind="primary" type="submit" busy={busy}>Sign in</Button>
        </form>
      )}
      {oidc && (
        <>
          {asksPassword && <p class="or">or</p>}
          <Button onClick={() => { location.assign(`${BASE}/api/v1/session/oidc`); }}>Sign in with {oidc.name}</Button>
        </>
      )}
    </Gate>
  );
}
