//! Where a view is, and what the one who looks may do there.

import { may as holds, type Role } from '../state/session';

/** An operator's site. */
export interface Place { operator: string; site: string }

/** Whether who is signed in has that role at the operator: what they may not do is not offered. */
export function may(place: { operator: string }, role: Role): boolean {
  return holds(role, place.operator);
}

/** The path of an operator's routes in the API. */
export function operatorPath(place: { operator: string }): string {
  return `/operators/${encodeURIComponent(place.operator)}`;
}

/** The path of a site's routes in the API. */
export function sitePath(place: Place): string {
  return `${operatorPath(place)}/sites/${encodeURIComponent(place.site)}`;
}
