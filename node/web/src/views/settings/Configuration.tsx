//! The configuration that the server runs with: read here, changed in its file.

import type { JSX } from 'preact';

import { useAsked } from '../../api/use';
import { Card, Section } from '../../design';
import { configuration as fetchConfiguration } from '../calls/people';
import { Shown } from '../kit';
import { Tree } from './Tree';

export function Configuration(): JSX.Element {
  const configuration = useAsked('configuration', (signal) => fetchConfiguration(signal));
  return (
    <>
      <p class="muted">It is read from the server's file when it starts, and changed there. Secrets are shown as ***.</p>
      <Shown of={configuration} what="configuration">
        {(found) => <div class="grid">{Object.entries(found.sections).map(([name, value]) => <Card key={name}><Section title={`[${name}]`}><Tree value={value} /></Section></Card>)}</div>}
      </Shown>
    </>
  );
}
