import type { ComponentChildren, JSX } from 'preact';
import { useId } from 'preact/hooks';

import { Icon } from './Icon';

interface FieldProps {
  label: string;
  hint?: ComponentChildren;
  /** What is wrong with it: a Problem that names this field. */
  wrong?: string | null | undefined;
}

interface Input {
  name?: string;
  type?: 'text' | 'password' | 'email' | 'url' | 'number' | 'date' | 'time' | 'datetime-local';
  autocomplete?: string;
  autocapitalize?: 'none';
  spellcheck?: boolean;
  placeholder?: string;
  inputMode?: 'text' | 'decimal' | 'numeric';
  min?: string;
  max?: string;
  step?: string;
  maxLength?: number;
  pattern?: string;
  required?: boolean;
  readOnly?: boolean;
  disabled?: boolean;
  autofocus?: boolean;
}

interface TextProps extends FieldProps, Input {
  value: string;
  onValue: (value: string) => void;
}

/** A line of text with its label, hint and what is wrong with it. */
export function Field({ label, hint, wrong, value, onValue, ...rest }: TextProps) {
  const id = useId();
  // The types of `input` differ with each `type`; what is passed on here is good for all of them.
  const more = rest as Pick<JSX.IntrinsicElements['input'], 'name'>;
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input {...more} id={id} class="input" value={value} aria-invalid={wrong ? true : undefined}
        aria-describedby={described(id, hint, wrong)} onInput={(event) => { onValue(event.currentTarget.value); }} />
      <Said id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

interface SelectProps<T extends string> extends FieldProps {
  options: readonly { value: T; text: string; group?: string }[];
  value: T;
  onValue: (value: T) => void;
  disabled?: boolean;
}

export function Select<T extends string>({ label, hint, wrong, options, value, onValue, disabled }: SelectProps<T>) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <select id={id} class="input" value={value} disabled={disabled} aria-invalid={wrong ? true : undefined}
        aria-describedby={described(id, hint, wrong)} onChange={(event) => { onValue(event.currentTarget.value as T); }}>
        {options.map((option) => <option key={option.value} value={option.value} selected={option.value === value}>{option.text}</option>)}
      </select>
      <Said id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

interface AreaProps extends FieldProps {
  value: string;
  onValue: (value: string) => void;
  rows?: number;
  mono?: boolean;
}

export function Area({ label, hint, wrong, value, onValue, rows = 6, mono = false }: AreaProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <textarea id={id} class={mono ? 'input mono' : 'input'} rows={rows} value={value} spellcheck={false} aria-invalid={wrong ? true : undefined}
        aria-describedby={described(id, hint, wrong)} onInput={(event) => { onValue(event.currentTarget.value); }} />
      <Said id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

interface FileProps extends FieldProps {
  accept?: string;
  onFile: (file: File | undefined) => void;
}

/** A file that is chosen, or dropped onto the field. */
export function FileField({ label, hint, wrong, accept, onFile }: FileProps) {
  const id = useId();
  return (
    <div class="field">
      <label for={id}>{label}</label>
      <input id={id} class="input" type="file" accept={accept} aria-invalid={wrong ? true : undefined}
        aria-describedby={described(id, hint, wrong)} onChange={(event) => { onFile(event.currentTarget.files?.[0]); }} />
      <Said id={id} hint={hint} wrong={wrong} />
    </div>
  );
}

interface CheckProps {
  label: ComponentChildren;
  checked: boolean;
  onValue: (checked: boolean) => void;
  disabled?: boolean;
}

export function Check({ label, checked, onValue, disabled }: CheckProps) {
  return (
    <label class="check">
      <input type="checkbox" checked={checked} disabled={disabled} onChange={(event) => { onValue(event.currentTarget.checked); }} />
      <span>{label}</span>
    </label>
  );
}

/** A search that filters as one types; its label is heard and not seen. */
export function Search({ label, value, onValue }: { label: string; value: string; onValue: (value: string) => void }) {
  return (
    <div class="search">
      <Icon name="search" />
      <input class="input" type="search" aria-label={label} placeholder={label} value={value} onInput={(event) => { onValue(event.currentTarget.value); }} />
    </div>
  );
}

function Said({ id, hint, wrong }: { id: string; hint: ComponentChildren; wrong: string | null | undefined }) {
  if (wrong) return <p id={`${id}-wrong`} class="wrong">{wrong}</p>;
  return hint ? <p id={`${id}-hint`} class="hint">{hint}</p> : null;
}

function described(id: string, hint: ComponentChildren, wrong: string | null | undefined): string | undefined {
  if (wrong) return `${id}-wrong`;
  return hint ? `${id}-hint` : undefined;
}
