//! The explanation of a decision as steps that a person reads from top to bottom.

import type { Explanation } from '../shapes';
import { said } from '../units';
import { spanWords } from './span';

/** One step: what happened, with its figures. */
export interface Step { kind: 'measured' | 'wish' | 'limit' | 'decided' | 'order' | 'answer' | 'fault'; title: string; detail?: string }

/** The steps of an explanation; none where nothing was decided. */
export function stepsOf(explanation: Explanation): Step[] {
  const decided = explanation.decided;
  if (!decided) return [];
  const steps: Step[] = (decided.inputs ?? []).map((input) => ({
    kind: 'measured',
    title: `${input.what}: ${measured(input.what, input.value)}`,
    detail: `${input.series}, ${spanWords(input.age_us)} old`,
  }));
  const wish = decided.wish;
  steps.push(wish
    ? { kind: 'wish', title: `${wish.actor} wished ${said(wish.power_w, 'W')}`, detail: `${wish.reason} (priority ${String(wish.priority)})` }
    : { kind: 'wish', title: 'Nobody wished otherwise', detail: 'The declared default holds.' });
  if (known(decided.low_w) || known(decided.high_w)) steps.push({ kind: 'limit', title: `Allowed were ${bounds(decided.low_w, decided.high_w)}` });
  for (const limit of decided.limits ?? []) {
    steps.push({ kind: 'limit', title: `${said(limit.from_w, 'W')} became ${said(limit.to_w, 'W')}`, detail: limit.by });
  }
  steps.push({ kind: 'decided', title: `Decided: ${said(decided.power_w, 'W')}`, ...(decided.again ? { detail: 'as before' } : {}) });
  if (known(decided.value)) steps.push({ kind: 'order', title: `Ordered ${decided.target}`, ...(decided.command ? { detail: `command ${decided.command}` } : {}) });
  const answer = explanation.answered ?? decided.answer;
  if (answer) {
    const back = known(answer.read_back) ? `read back ${said(answer.read_back, 'W')}` : answer.reason;
    steps.push({ kind: 'answer', title: `The device answered: ${answer.state}`, ...(back ? { detail: back } : {}) });
  }
  for (const fault of decided.faults ?? []) steps.push({ kind: 'fault', title: fault });
  return steps;
}

function known(value: number | null | undefined): value is number {
  return value !== null && value !== undefined;
}

function bounds(low: number | null | undefined, high: number | null | undefined): string {
  if (!known(low)) return `up to ${said(high, 'W')}`;
  return known(high) ? `${said(low, 'W')} to ${said(high, 'W')}` : `at least ${said(low, 'W')}`;
}

/** A reading by what it measures: the log keeps the base unit of it. */
function measured(what: string, value: number): string {
  if (what.includes('power')) return said(value, 'W');
  if (/soc|charge/.test(what)) return said(value, '1', 'state_of_charge');
  if (what.includes('current')) return said(value, 'A');
  if (what.includes('voltage')) return said(value, 'V');
  if (what.includes('frequency')) return said(value, 'Hz');
  if (what.includes('temperature')) return said(value, 'degC');
  return said(value, '1');
}
