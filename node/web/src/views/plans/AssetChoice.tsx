//! Choosing an asset: side by side where they are few, from a list where they are many.

import type { JSX } from 'preact';

import { Segments, Select } from '../../design';

const FEW = 6;

export function AssetChoice({ assets, value, onChange }: { assets: readonly string[]; value: string; onChange: (asset: string) => void }): JSX.Element {
  const options = assets.map((asset) => ({ value: asset, text: asset }));
  if (assets.length <= FEW) return <Segments label="Asset" options={options} value={value} onChange={onChange} />;
  return <div class="row"><Select label="Asset" options={options} value={value} onValue={onChange} /></div>;
}
