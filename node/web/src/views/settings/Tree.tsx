//! Names and values within each other, as they are.

import type { ComponentChildren, JSX } from 'preact';

import { Facts, Time, Value } from '../../design';
import { span } from '../../times';
import { named, title } from './named';

export function Tree({ value }: { value: unknown }): JSX.Element {
  if (typeof value !== 'object' || value === null) return <span class="wrap">{leaf('', value)}</span>;
  if (Array.isArray(value)) return value.length === 0 ? <span class="faint">none</span> : <ul class="list">{value.map((each: unknown, index) => <li key={index}><Tree value={each} /></li>)}</ul>;
  const entries = Object.entries(value as Record<string, unknown>);
  if (entries.length === 0) return <span class="faint">none</span>;
  return <Facts facts={entries.map(([name, each]) => [title(name), typeof each === 'object' && each !== null ? <Tree value={each} /> : leaf(name, each)] as const)} />;
}

function leaf(name: string, value: unknown): ComponentChildren {
  const said = named(name, value);
  switch (said.kind) {
    case 'none': return <span class="faint">none</span>;
    case 'instant': return <Time us={said.us} absolute />;
    case 'span': return <span class="number">{span(said.us, 2)}</span>;
    case 'value': return <Value value={said.value} unit={said.unit} />;
    case 'text': return said.text;
  }
}
