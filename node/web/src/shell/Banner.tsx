import { signal } from '@preact/signals';
import { useEffect, useState } from 'preact/hooks';

import { heardAt, line } from '../api/live';
import { Button, Note } from '../design';
import { session } from '../state/session';
import { span } from '../times';

/** A line that is gone for a moment is nobody's business. */
const GRACE_MS = 2_500;

const first = signal<string | null>(null);

/** Says that what is seen is no longer live, and since when; and that the server is a newer one than the page. */
export function Banner() {
  const lost = line.value === 'lost';
  const [shown, setShown] = useState(false);
  const [, tick] = useState(0);
  useEffect(() => {
    if (!lost) { setShown(false); return undefined; }
    const grace = setTimeout(() => { setShown(true); }, GRACE_MS);
    const clock = setInterval(() => { tick((count) => count + 1); }, 1_000);
    return () => { clearTimeout(grace); clearInterval(clock); };
  }, [lost]);
  const version = session.value?.version ?? null;
  useEffect(() => { first.value ??= version; }, [version]);
  const heard = heardAt.value;
  return (
    <div class="banner" role="status">
      {lost && shown && (
        <Note tone="warning" title="No connection to the server">
          <p>What you see is {heard === null ? 'not live' : `${span((Date.now() - heard) * 1e3)} old`}. The page connects again by itself.</p>
        </Note>
      )}
      {first.value !== null && version !== null && first.value !== version && (
        <Note title={`The server now runs memcore ${version}`} action={<Button onClick={() => { location.reload(); }}>Load the page again</Button>} />
      )}
    </div>
  );
}
