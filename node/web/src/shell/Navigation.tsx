// The way around: sites, the views of the chosen one, accounts. At the side, or behind a button where the screen is narrow.

import { useEffect, useState } from 'preact/hooks';

import { line } from '../api/live';
import { Badge, Icon, IconButton, toastProblem, type IconName } from '../design';
import { go, toGlobal, toSite, type GlobalView, type Route, type SiteView } from '../router';
import { dark, prefer } from '../state/preferences';
import { may, session, signOut } from '../state/session';
import { siteOf, sites } from '../state/sites';
import { prepare } from './Lazy';

const SITE: readonly { view: SiteView; text: string; icon: IconName }[] = [
  { view: 'live', text: 'Live', icon: 'bolt' },
  { view: 'history', text: 'History', icon: 'chart' },
  { view: 'energy', text: 'Energy', icon: 'book' },
  { view: 'control', text: 'Plan and control', icon: 'control' },
  { view: 'commands', text: 'Commands', icon: 'command' },
  { view: 'alarms', text: 'Alarms', icon: 'bell' },
  { view: 'devices', text: 'Devices', icon: 'cpu' },
  { view: 'doctor', text: 'Data doctor', icon: 'stethoscope' },
  { view: 'imports', text: 'Imports', icon: 'upload' },
];

const GLOBAL: readonly { view: GlobalView; text: string; icon: IconName; shown: () => boolean }[] = [
  { view: 'users', text: 'Users', icon: 'users', shown: () => adminAnywhere() },
  { view: 'tokens', text: 'Tokens', icon: 'key', shown: () => true },
  { view: 'settings', text: 'Settings', icon: 'settings', shown: () => true },
];

function adminAnywhere(): boolean {
  return Object.values(session.value?.roles ?? {}).includes('admin');
}

/** Where one was last: the site stays chosen on the way through the accounts. */
let last: { operator: string; site: string } | null = null;

export function Navigation({ at }: { at: Route }) {
  const [open, setOpen] = useState(false);
  useEffect(() => { setOpen(false); }, [at]);
  if ('site' in at) last = { operator: at.operator, site: at.site };
  const chosen = 'site' in at || at.view !== 'overview' ? last : null;
  return (
    <>
      <header class="topbar">
        <IconButton icon="menu" label="Menu" aria-expanded={open} aria-controls="navigation" onClick={() => { setOpen(!open); }} />
        <Brand />
        <span class="topbar-site clip">{chosen ? chosen.site : ''}</span>
        <LineState />
      </header>
      {open && <div class="veil" onClick={() => { setOpen(false); }} />}
      <nav id="navigation" class="navigation" data-open={open ? '' : undefined} aria-label="Page" onKeyDown={(event) => { if (event.key === 'Escape') setOpen(false); }}>
        <div class="navigation-head"><Brand /><LineState /></div>
        <Chooser chosen={chosen} />
        <ul>
          <Item href={toGlobal('overview')} text="All sites" icon="sites" current={at.view === 'overview'} name="overview" />
        </ul>
        {chosen && <SiteItems at={at} operator={chosen.operator} site={chosen.site} />}
        <ul class="navigation-foot">
          {GLOBAL.filter((one) => one.shown()).map((one) => (
            <Item key={one.view} href={toGlobal(one.view)} text={one.text} icon={one.icon} current={at.view === one.view} name={one.view} />
          ))}
        </ul>
        <Account />
      </nav>
    </>
  );
}

function SiteItems({ at, operator, site }: { at: Route; operator: string; site: string }) {
  const alarms = siteOf(operator, site)?.alarms;
  const raised = alarms ? alarms.critical + alarms.warning : 0;
  return (
    <ul>
      {SITE.filter((one) => one.view !== 'imports' || may('engineer', operator)).map((one) => (
        <Item key={one.view} href={toSite(operator, site, one.view)} text={one.text} icon={one.icon} current={at.view === one.view} name={one.view}
          badge={one.view === 'alarms' && raised > 0 ? { count: raised, tone: (alarms?.critical ?? 0) > 0 ? 'critical' : 'warning' } : undefined} />
      ))}
    </ul>
  );
}

interface ItemProps {
  href: string;
  text: string;
  icon: IconName;
  current: boolean;
  name: SiteView | GlobalView | 'overview';
  badge?: { count: number; tone: 'critical' | 'warning' } | undefined;
}

function Item({ href, text, icon, current, name, badge }: ItemProps) {
  return (
    <li>
      <a class="navigation-item" href={href} aria-current={current ? 'page' : undefined} onPointerEnter={() => { prepare(name); }}>
        <Icon name={icon} />
        <span>{text}</span>
        {badge && <Badge tone={badge.tone} plain>{badge.count}</Badge>}
      </a>
    </li>
  );
}

function Chooser({ chosen }: { chosen: { operator: string; site: string } | null }) {
  const list = sites.value ?? [];
  if (list.length === 0) return null;
  const names = [...new Set(list.map((one) => one.operator))];
  const value = chosen ? `${chosen.operator}/${chosen.site}` : '';
  return (
    <label class="chooser">
      <span class="visually-hidden">Site</span>
      <select class="input" value={value} onChange={(event) => {
        const [operator, site] = event.currentTarget.value.split('/', 2);
        if (operator && site) go(toSite(operator, site));
      }}>
        <option value="" disabled>Choose a site</option>
        {names.map((operator) => {
          const options = list.filter((one) => one.operator === operator).map((one) => (
            <option key={one.site} value={`${operator}/${one.site}`} selected={value === `${operator}/${one.site}`}>{one.site}</option>
          ));
          return names.length === 1 ? options : <optgroup key={operator} label={operator}>{options}</optgroup>;
        })}
      </select>
    </label>
  );
}

function Account() {
  const who = session.value;
  if (!who) return null;
  return (
    <div class="account">
      <Icon name="user" />
      <span class="clip" title={who.user}>{who.display_name || who.user}</span>
      <IconButton icon={dark.value ? 'sun' : 'moon'} label={dark.value ? 'Light theme' : 'Dark theme'} onClick={() => { prefer({ theme: dark.value ? 'light' : 'dark' }); }} />
      {who.via === 'session' && <IconButton icon="out" label="Sign out" onClick={() => void signOut().catch(toastProblem)} />}
    </div>
  );
}

function Brand() {
  return (
    <a class="brand" href={toGlobal('overview')} aria-label="memcore: all sites">
      <svg viewBox="0 0 32 32" aria-hidden="true"><rect width="32" height="32" rx="8" /><path d="M17.5 5 8 18h6.5L13 27l11-14h-7z" /></svg>
      <span>memcore</span>
    </a>
  );
}

const LINES = { off: null, connecting: ['Connecting', undefined], live: ['Live', 'good'], lost: ['Offline', 'warning'] } as const;

function LineState() {
  const state = LINES[line.value];
  return state && <Badge tone={state[1]} plain={line.value === 'connecting'}>{state[0]}</Badge>;
}
