//! Where a view is, and what the one who looks may do there.

import type { Role } from './shapes';
import { atLeast } from './users/roles';

/** An operator's site, and the role of who looks at it. */
export interface Place { operator: string; site: string; role: Role | undefined }

export function may(place: { role: Role | undefined }, least: Role): boolean {
  return atLeast(place.role, least);
}

/** The path of an operator's routes in the API. */
export function operatorPath(place: { operator: string }): string {
  return `/operators/${encodeURIComponent(place.operator)}`;
}

/** The path of a site's routes in the API. */
export function sitePath(place: { operator: string; site: string }): string {
  return `${operatorPath(place)}/sites/${encodeURIComponent(place.site)}`;
}
