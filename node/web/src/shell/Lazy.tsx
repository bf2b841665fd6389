// Views are loaded when they are first opened.

import type { ComponentType } from 'preact';
import { useEffect, useState } from 'preact/hooks';

import { Button, Note, Page, Skeleton } from '../design';
import type { SiteView, GlobalView } from '../router';
import type { SiteViewProps } from '../views/props';

type View = ComponentType<SiteViewProps>;
type Name = SiteView | GlobalView | 'overview';

const load: Record<Name, () => Promise<{ default: unknown }>> = {
  overview: () => import('../views/overview/index'),
  live: () => import('../views/live/index'),
  history: () => import('../views/history/index'),
  devices: () => import('../views/devices/index'),
  commands: () => import('../views/commands/index'),
  control: () => import('../views/control/index'),
  energy: () => import('../views/energy/index'),
  alarms: () => import('../views/alarms/index'),
  doctor: () => import('../views/doctor/index'),
  imports: () => import('../views/imports/index'),
  users: () => import('../views/users/index'),
  tokens: () => import('../views/tokens/index'),
  settings: () => import('../views/settings/index'),
};

const loaded = new Map<Name, View>();

/** Begins to load a view before it is opened: when the pointer is on its link. */
export function prepare(name: Name): void {
  void fetchView(name).catch(() => undefined);
}

async function fetchView(name: Name): Promise<View> {
  const view = (await load[name]()).default as View;
  loaded.set(name, view);
  return view;
}

export function Lazy({ name, ...props }: { name: Name } & SiteViewProps) {
  const [, setTurn] = useState(0);
  const [failed, setFailed] = useState(false);
  const View = loaded.get(name);
  useEffect(() => {
    setFailed(false);
    if (loaded.has(name)) return;
    fetchView(name).then(() => { setTurn((turn) => turn + 1); }, () => { setFailed(true); });
  }, [name]);
  if (View) return <View {...props} />;
  if (!failed) return <div class="page" aria-busy="true"><Skeleton height="1.75rem" width="12rem" /><Skeleton height="16rem" /></div>;
  return (
    <Page title="Not loaded">
      <Note tone="warning" title="This view could not be loaded" action={<Button onClick={() => { location.reload(); }}>Load the page again</Button>}>
        <p>The server may have been replaced by a newer one since this page was opened.</p>
      </Note>
    </Page>
  );
}
