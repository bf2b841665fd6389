//! What control does, in words.

import { writeSpan } from '../commands/span';
import type { AssetStatus, ProposalOutcome, Target } from '../shapes';
import { said } from '../units';

/** For whom something is wished. */
export function targetWords(target: Target): string {
  if ('asset' in target) return target.asset;
  return 'role' in target ? `all of role ${target.role}` : `group ${target.group}`;
}

/** The same as the API takes it. */
export function targetText(target: Target): string {
  if ('asset' in target) return target.asset;
  return 'role' in target ? `role:${target.role}` : `group:${target.group}`;
}

/** What became of a wish. */
export function outcomeWords(wish: ProposalOutcome): string {
  switch (wish.outcome) {
    case 'granted': return 'granted as wished';
    case 'limited': return `limited to ${said(wish.to_w, 'W')} by ${wish.by}`;
    case 'overridden': return `overridden by ${wish.by}`;
    case 'expired': return 'expired: it was not renewed';
    case 'refused': return `refused: ${wish.reason}`;
  }
}

/** Who set what an asset does: the wish it follows, or nobody. */
export function wishWords(asset: AssetStatus): string {
  if (asset.decided_w === null || asset.decided_w === undefined) return 'measured only';
  return asset.wish ? `${asset.wish.actor}: ${asset.wish.reason}` : 'nobody wishes otherwise';
}

/** What a role means for the sign of a power. */
export function roleWay(role: string, power_w: number | null | undefined): string {
  if (power_w === null || power_w === undefined || power_w === 0) return '';
  const into = power_w > 0;
  switch (role) {
    case 'grid_meter': return into ? 'import' : 'export';
    case 'battery': case 'charger': return into ? 'charging' : 'discharging';
    case 'pv': case 'genset': return into ? 'drawing' : 'producing';
    default: return into ? 'drawing' : 'giving';
  }
}

/** What a wish will do, in one sentence. */
export function wishSentence(target: string, power_w: number, valid_us: number): string {
  return `${target} shall do ${said(power_w, 'W')} for ${writeSpan(valid_us)}, as far as safety and wishes of a higher priority leave it.`;
}
