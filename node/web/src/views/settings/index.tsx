//! Settings: of this browser, of one's own account, and what the server says of itself.

import type { JSX } from 'preact';

import { Page, Tabs } from '../../design';
import { go, toGlobal } from '../../router';
import { may } from '../../state/session';
import { Account } from './Account';
import { Configuration } from './Configuration';
import { Preferences } from './Preferences';
import { Status } from './Status';

type Tab = 'preferences' | 'account' | 'status' | 'configuration';

export default function Settings({ query }: { query: URLSearchParams }): JSX.Element {
  const tabs: { value: Tab; text: string }[] = [
    { value: 'preferences', text: 'Preferences' }, { value: 'account', text: 'Account' },
    ...(may('viewer') ? [{ value: 'status' as const, text: 'Server' }] : []), ...(may('admin') ? [{ value: 'configuration' as const, text: 'Configuration' }] : []),
  ];
  const tab = tabs.find((each) => each.value === query.get('tab'))?.value ?? 'preferences';
  return (
    <Page title="Settings">
      <Tabs label="Settings" tabs={tabs} value={tab} onChange={(next) => { go(toGlobal('settings', { tab: next })); }}>
        {tab === 'preferences' && <Preferences />}
        {tab === 'account' && <Account />}
        {tab === 'status' && <Status />}
        {tab === 'configuration' && <Configuration />}
      </Tabs>
    </Page>
  );
}
