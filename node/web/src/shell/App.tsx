// The whole page: who is not signed in sees the form, all else the frame with the view of the address.

import { useEffect, useState } from 'preact/hooks';

import { onLiveUnproved } from '../api/live';
import { asProblem, type ProblemError } from '../api/problem';
import { Button, Empty, Page, ProblemNote, Toasts } from '../design';
import { route, toGlobal, type Route } from '../router';
import { begin, recall, session, stayInUse } from '../state/session';
import { Invitation } from '../views/invitation/Invitation';
import { Banner } from './Banner';
import { Lazy } from './Lazy';
import { Navigation } from './Navigation';
import { SignIn } from './SignIn';

onLiveUnproved(() => { begin(null); });

export function App() {
  const [problem, setProblem] = useState<ProblemError | null>(null);
  const start = () => { recall().then(() => { setProblem(null); }, (error: unknown) => { setProblem(asProblem(error)); }); };
  useEffect(start, []);
  useEffect(stayInUse, []);
  const at = route.value;
  return (
    <>
      <Toasts />
      <Frame at={at} problem={problem} again={start} />
    </>
  );
}

function Frame({ at, problem, again }: { at: Route; problem: ProblemError | null; again: () => void }) {
  if (at.view === 'invitation') return <Invitation key={at.secret} secret={at.secret} />;
  if (session.value === undefined) return problem ? <div class="gate"><ProblemNote problem={problem} again={again} /></div> : <div class="gate" aria-busy="true" />;
  if (session.value === null) return <SignIn query={at.query} />;
  return (
    <div class="frame">
      <a class="skip visually-hidden" href="#main" onClick={(event) => { event.preventDefault(); document.getElementById('main')?.focus(); }}>Skip to content</a>
      <Navigation at={at} />
      <main id="main" class="main" tabIndex={-1}>
        <Banner />
        <View at={at} />
      </main>
    </div>
  );
}

function View({ at }: { at: Route }) {
  if (at.view === 'invitation') return null;
  if (at.view === 'nowhere') {
    return (
      <Page title="Not found">
        <Empty icon="search" title="There is nothing at this address" action={<Button onClick={() => { location.hash = toGlobal('overview'); }}>To all sites</Button>} />
      </Page>
    );
  }
  const [operator, site] = 'site' in at ? [at.operator, at.site] : ['', ''];
  // Another site is another view: nothing of the one before shows through.
  return <Lazy key={`${at.view} ${operator} ${site}`} name={at.view} operator={operator} site={site} query={at.query} />;
}
