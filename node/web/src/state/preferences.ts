// What this browser's user prefers: theme and time zone.

import { computed, effect, signal } from '@preact/signals';

import { keep, kept } from './kept';

export type Theme = 'system' | 'light' | 'dark';

interface Preferences {
  theme: Theme;
  /** A zone by its name; empty: the browser's. */
  zone: string;
}

export const preferences = signal(kept<Preferences>('preferences', { theme: 'system', zone: '' }));

export function prefer(change: Partial<Preferences>): void {
  preferences.value = { ...preferences.value, ...change };
  keep('preferences', preferences.value);
}

const systemZone = Intl.DateTimeFormat().resolvedOptions().timeZone || 'UTC';

/** The zone that times are shown in. */
export const zone = computed(() => (known(preferences.value.zone) ? preferences.value.zone : systemZone));

function known(name: string): boolean {
  if (name === '') return false;
  try {
    return Boolean(new Intl.DateTimeFormat('en', { timeZone: name }));
  } catch {
    return false;
  }
}

const systemDark = matchMedia('(prefers-color-scheme: dark)');
const systemIsDark = signal(systemDark.matches);
systemDark.addEventListener('change', (event) => { systemIsDark.value = event.matches; });

/** Whether dark is drawn: charts on a canvas draw anew when it changes. */
export const dark = computed(() => (preferences.value.theme === 'system' ? systemIsDark.value : preferences.value.theme === 'dark'));

effect(() => { document.documentElement.dataset.theme = dark.value ? 'dark' : 'light'; });
