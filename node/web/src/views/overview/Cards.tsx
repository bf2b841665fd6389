import { Icon, Time, Value, type IconName } from '../../design';
import { toSite } from '../../router';
import type { Site } from '../../state/sites';
import { States } from './States';

const POWERS: readonly { of: 'grid' | 'pv' | 'battery' | 'load'; name: string; icon: IconName }[] = [
  { of: 'grid', name: 'Grid', icon: 'grid' },
  { of: 'pv', name: 'PV', icon: 'pv' },
  { of: 'battery', name: 'Battery', icon: 'battery' },
  { of: 'load', name: 'Loads', icon: 'load' },
];

export function Cards({ sites, several }: { sites: readonly Site[]; several: boolean }) {
  return (
    <ul class="grid">
      {sites.map((site) => (
        <li key={`${site.operator}/${site.site}`}>
          <a class="card site-card" href={toSite(site.operator, site.site)} data-stale={site.stale ? '' : undefined}>
            <span class="site-head">
              <span class="site-name clip" title={site.site}>{site.site}</span>
              {several && <span class="faint small clip">{site.operator}</span>}
            </span>
            <dl class="site-powers">
              {POWERS.map(({ of, name, icon }) => (
                <div key={of} data-kind={of}>
                  <dt><Icon name={icon} />{name}</dt>
                  <dd><Value value={site.power_w[of]} unit="W" stale={site.stale} signed /></dd>
                </div>
              ))}
            </dl>
            <span class="site-foot">
              <States site={site} />
              <span class="faint small push"><Time us={site.last_seen_us} /></span>
            </span>
          </a>
        </li>
      ))}
    </ul>
  );
}
