import type { ComponentChildren, JSX } from 'preact';

import { Icon, type IconName } from './Icon';

type Kind = 'primary' | 'plain' | 'danger' | 'quiet';

type Rest = Omit<JSX.IntrinsicElements['button'], 'icon' | 'children' | 'type' | 'class'>;

interface ButtonProps extends Rest {
  kind?: Kind;
  icon?: IconName;
  /** While what it began is not done: it is off and turns. */
  busy?: boolean;
  type?: 'button' | 'submit';
  children: ComponentChildren;
}

export function Button({ kind = 'plain', icon, busy = false, type = 'button', children, disabled, ...rest }: ButtonProps) {
  return (
    <button {...rest} class="button" data-kind={kind} type={type} disabled={busy || disabled} aria-busy={busy}>
      {busy ? <span class="spin" aria-hidden="true" /> : icon && <Icon name={icon} />}
      <span>{children}</span>
    </button>
  );
}

interface IconButtonProps extends Rest {
  kind?: Kind;
  icon: IconName;
  /** What it does, for readers and as a tip. */
  label: string;
}

export function IconButton({ kind = 'quiet', icon, label, ...rest }: IconButtonProps) {
  return (
    <button {...rest} class="button" type="button" data-kind={kind} data-icon="" aria-label={label} title={label}>
      <Icon name={icon} />
    </button>
  );
}

interface SegmentsProps<T extends string> {
  label: string;
  options: readonly { value: T; text: string }[];
  /** Null where none of them is in force. */
  value: T | null;
  onChange: (value: T) => void;
}

/** One choice of a few, side by side. */
export function Segments<T extends string>({ label, options, value, onChange }: SegmentsProps<T>) {
  return (
    <div class="segments" role="group" aria-label={label}>
      {options.map((option) => (
        <button key={option.value} type="button" aria-pressed={option.value === value} onClick={() => { onChange(option.value); }}>
          {option.text}
        </button>
      ))}
    </div>
  );
}
