import { Badge } from '../../design';
import type { Site } from '../../state/sites';

/** What is to be known of a site besides its power: alarms, staleness, what is not connected. */
export function States({ site }: { site: Site }) {
  const { critical, warning } = site.alarms;
  return (
    <span class="states">
      {critical > 0 && <Badge tone="critical">{critical} critical</Badge>}
      {warning > 0 && <Badge tone="warning">{warning} {warning === 1 ? 'warning' : 'warnings'}</Badge>}
      {site.stale && <Badge tone="warning">stale</Badge>}
      {site.devices === 0 ? <Badge plain>no device</Badge> : site.connected < site.devices
        ? <Badge>{site.connected} of {site.devices} connected</Badge>
        : critical + warning === 0 && !site.stale && <Badge tone="good">{site.devices} connected</Badge>}
      {site.controlled && <Badge tone="accent">controlled</Badge>}
    </span>
  );
}
