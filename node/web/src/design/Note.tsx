import type { ComponentChildren } from 'preact';

import type { ProblemError } from '../api/problem';
import { Button } from './Button';
import { Icon, type IconName } from './Icon';

export type Tone = 'info' | 'good' | 'warning' | 'critical';

const icons: Record<Tone, IconName> = { info: 'info', good: 'check', warning: 'alert', critical: 'alert' };

export function Note({ tone = 'info', title, action, children }: { tone?: Tone; title?: string; action?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <div class="note" data-tone={tone}>
      <Icon name={icons[tone]} />
      <div>
        {title && <p class="title">{title}</p>}
        {children}
      </div>
      {action}
    </div>
  );
}

/** What went wrong, in the server's words; with `again`, a button that tries once more. */
export function ProblemNote({ problem, again }: { problem: ProblemError; again?: (() => void) | undefined }) {
  return (
    <div role="alert">
      <Note tone="critical" title={problem.title} action={again && <Button onClick={again}>Try again</Button>}>
        {problem.detail && <p>{problem.detail}</p>}
      </Note>
    </div>
  );
}

export function Empty({ icon = 'info', title, action, children }: { icon?: IconName; title: string; action?: ComponentChildren; children?: ComponentChildren }) {
  return (
    <div class="empty">
      <Icon name={icon} />
      <p class="title">{title}</p>
      {children && <div class="about">{children}</div>}
      {action}
    </div>
  );
}

/** Stands where something will be, in about its size. */
export function Skeleton({ height = '1rem', width = '100%' }: { height?: string; width?: string }) {
  return <span class="skeleton" style={{ height, width }} aria-hidden="true" />;
}

export function Badge({ tone, plain, children }: { tone?: Tone | 'accent' | undefined; plain?: boolean; children: ComponentChildren }) {
  return <span class="badge" data-tone={tone} data-plain={plain ? '' : undefined}>{children}</span>;
}
