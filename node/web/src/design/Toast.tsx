import { signal } from '@preact/signals';

import { asProblem } from '../api/problem';
import { IconButton } from './Button';
import { Note, type Tone } from './Note';

interface Toast {
  id: number;
  tone: Tone;
  title: string;
  text?: string;
}

const toasts = signal<readonly Toast[]>([]);
let count = 0;
/** At most these stand at a time; the oldest goes first. */
const MOST = 4;
const STAYS_MS = 6_000;

/** Says that something is done. It goes by itself, except for what went wrong. */
export function toast(title: string, tone: Tone = 'good', text?: string): void {
  count += 1;
  const id = count;
  toasts.value = [...toasts.value, { id, tone, title, ...(text ? { text } : {}) }].slice(-MOST);
  if (tone !== 'critical') setTimeout(() => { close(id); }, STAYS_MS);
}

/** Says what went wrong with something that has no place of its own on the page. */
export function toastProblem(error: unknown): void {
  const problem = asProblem(error);
  toast(problem.title, 'critical', problem.detail);
}

function close(id: number): void {
  toasts.value = toasts.value.filter((one) => one.id !== id);
}

export function Toasts() {
  return (
    <div class="toasts" role="status" aria-live="polite">
      {toasts.value.map((one) => (
        <Note key={one.id} tone={one.tone} title={one.title} action={<IconButton icon="close" label="Close" onClick={() => { close(one.id); }} />}>
          {one.text && <p>{one.text}</p>}
        </Note>
      ))}
    </div>
  );
}
