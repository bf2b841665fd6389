//! A role at every operator: one choice each, with what it means.

import type { JSX } from 'preact';

import { Select } from '../../design';
import type { Role } from '../shapes';
import { ROLE_WORDS, ROLES } from './roles';

/** The roles that can be chosen; empty for none. */
const OPTIONS = [{ value: '', text: 'none' }, ...ROLES.map((role) => ({ value: role, text: `${role}: ${ROLE_WORDS[role]}` }))] as const;

export function RoleFields({ roles, operators, set, wrong }: { roles: Record<string, Role>; operators: readonly string[]; set: (roles: Record<string, Role>) => void; wrong: string | null }): JSX.Element {
  const places = ['*', ...new Set([...operators, ...Object.keys(roles).filter((each) => each !== '*')])];
  const choose = (place: string, role: string) => {
    const kept = Object.fromEntries(Object.entries(roles).filter(([each]) => each !== place));
    set(role === '' ? kept : { ...kept, [place]: role as Role });
  };
  return (
    <fieldset class="stack">
      <legend>Roles</legend>
      {places.map((place) => <Select key={place} label={place === '*' ? 'At all operators' : `At ${place}`} options={OPTIONS} value={roles[place] ?? ''} onValue={(role) => { choose(place, role); }} />)}
      {wrong && <p class="wrong" role="alert">{wrong}</p>}
    </fieldset>
  );
}

/** The same for one operator. */
export function RoleSelect({ role, set, wrong }: { role: Role; set: (role: Role) => void; wrong?: string | null }): JSX.Element {
  return <Select label="Role" options={ROLES.map((each) => ({ value: each, text: each }))} value={role} onValue={set} wrong={wrong} hint={ROLE_WORDS[role]} />;
}
