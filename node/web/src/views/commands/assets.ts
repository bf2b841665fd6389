//! Which channels control steers, and what it makes of commands to them.

import type { AssetStatus, ControlStatus } from '../shapes';

/** What is read here of a site model. */
export interface SiteModel { asset?: readonly { name: string; device?: string | null; setpoint?: string | null }[] }

/** Control of a site: how it is, and what it knows of its assets. */
export interface Control { status: ControlStatus; model: SiteModel }

/** The asset whose setpoint a channel is, where control steers it; undefined where commands go to the device as they are. */
export function steeredBy(control: Control | undefined, series: string): AssetStatus | undefined {
  if (control?.status.enabled !== true) return undefined;
  const found = assetOf(control, series);
  return typeof found?.decided_w === 'number' ? found : undefined;
}

/** The same, paused or not. */
export function assetOf({ status, model }: Control, series: string): AssetStatus | undefined {
  const name = model.asset?.find((asset) => asset.setpoint && series === `${status.site}.${asset.device ?? asset.name}.${asset.setpoint}`)?.name;
  return status.assets.find((asset) => asset.asset === name);
}
