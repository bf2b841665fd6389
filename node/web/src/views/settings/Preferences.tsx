//! What this browser shows, and how.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { Card, Field, Section, Segments, Time } from '../../design';
import { now } from '../../state/now';
import { prefer, preferences, zone } from '../../state/preferences';

const THEMES = [{ value: 'system', text: 'as the system' }, { value: 'light', text: 'light' }, { value: 'dark', text: 'dark' }] as const;

export function Preferences(): JSX.Element {
  const [typed, setTyped] = useState(preferences.value.zone);
  const wrong = typed === '' || isZone(typed) ? null : 'A zone such as Europe/Berlin is expected; empty for the one of this browser.';
  const set = (value: string) => {
    setTyped(value);
    if (value === '' || isZone(value)) prefer({ zone: value });
  };
  return (
    <div class="grid">
      <Card><Section title="Theme"><Segments label="Theme" options={THEMES} value={preferences.value.theme} onChange={(theme) => { prefer({ theme }); }} /></Section></Card>
      <Card><Section title="Times"><Field label="Zone" value={typed} onValue={set} wrong={wrong} placeholder={zone.value} spellcheck={false} hint={<>Now: <Time us={now.value} absolute />, {zone.value}</>} /></Section></Card>
      <Card><Section title="Units"><p class="muted">Numbers are shown in the multiple of their unit that is read most easily: 1,466 W as 1.47 kW. Power is positive where it flows into a device: consumption, charging, import. Files and the API keep the base units.</p></Section></Card>
    </div>
  );
}

function isZone(name: string): boolean {
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}
