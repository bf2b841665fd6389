//! What the server says of itself.

import type { JSX } from 'preact';

import { useAsked } from '../../api/use';
import { Card, Section } from '../../design';
import { status as fetchStatus } from '../calls/people';
import { Shown } from '../kit';
import { Tree } from './Tree';

export function Status(): JSX.Element {
  const status = useAsked('status', (signal) => fetchStatus(signal), { everyMs: 5_000 });
  return (
    <Shown of={status} what="server">
      {(found) => {
        const parts = Object.entries(found).filter(([, value]) => typeof value === 'object' && value !== null);
        const own = Object.fromEntries(Object.entries(found).filter(([, value]) => typeof value !== 'object' || value === null));
        return (
          <div class="grid">
            <Card><Section title="Server"><Tree value={own} /></Section></Card>
            {parts.map(([name, value]) => <Card key={name}><Section title={name.charAt(0).toUpperCase() + name.slice(1).replaceAll('_', ' ')}><Tree value={value} /></Section></Card>)}
          </div>
        );
      }}
    </Shown>
  );
}
