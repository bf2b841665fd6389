//! Why an asset does what it does, or did: the decision as steps, with the readings that it was made from.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Button, Empty, Field, Icon, type IconName, Note, Page, Select, Time } from '../../design';
import { control as fetchControl, why } from '../calls/steering';
import { Shown } from '../kit';
import type { Place } from '../place';
import type { Explanation } from '../shapes';
import { type Step, stepsOf } from './why';

export function WhyView({ place, series, at, back }: { place: Place; series?: string | undefined; at?: string | undefined; back: string }): JSX.Element {
  const control = useAsked(`${place.operator}/${place.site}`, (signal) => fetchControl(place, signal));
  return (
    <Page title="Why" about="What was decided, and from what" actions={<a class="button" href={back}>Back</a>}>
      {control.problem?.status === 404
        ? <Empty icon="control" title="This site is not controlled">Decisions are made where a server has a site model. Commands that people send stand under Commands.</Empty>
        : <Shown of={control} what="control">{(status) => <Question place={place} assets={status.assets.filter((asset) => typeof asset.decided_w === 'number').map((asset) => asset.asset)} series={series} at={at} />}</Shown>}
    </Page>
  );
}

function Question({ place, assets, series, at }: { place: Place; assets: readonly string[]; series: string | undefined; at: string | undefined }): JSX.Element {
  const named = series?.split('.')[1];
  const [asset, setAsset] = useState(named !== undefined && assets.includes(named) ? named : assets[0] ?? '');
  const [time, setTime] = useState(at ?? '');
  const [asked, setAsked] = useState({ asset, time });
  const answer = useAsked(`${place.site}/${asked.asset}/${asked.time}`, (signal) => why(place, { asset: asked.asset, ...(asked.time === '' ? {} : { at: asked.time }) }, signal), asked.time === '' ? { everyMs: 5_000 } : {});
  if (assets.length === 0) return <Empty icon="control" title="Control steers nothing here">The site model names no asset with a setpoint.</Empty>;
  const submit = (event: Event) => {
    event.preventDefault();
    setAsked({ asset, time: time.trim() });
  };
  return (
    <>
      <form class="question" onSubmit={submit}>
        <Select label="Asset" options={assets.map((each) => ({ value: each, text: each }))} value={asset} onValue={(value) => { setAsset(value); setAsked({ ...asked, asset: value }); }} />
        <Field label="When" value={/^\d{15,}$/.test(time) ? new Date(Number(time) / 1e3).toISOString() : time} onValue={setTime} wrong={wrongOf(answer.problem, 'at')} autocomplete="off" hint="14:05, -10m, 2026-06-21 14:05; empty for now" />
        <Button type="submit">Ask</Button>
      </form>
      <Shown of={answer} what="decision">{(found) => <Told explanation={found} />}</Shown>
    </>
  );
}

const ICONS: Record<Step['kind'], IconName> = { measured: 'chart', wish: 'user', limit: 'alert', decided: 'control', order: 'command', answer: 'check', fault: 'alert' };

function Told({ explanation }: { explanation: Explanation }): JSX.Element {
  const steps = stepsOf(explanation);
  return (
    <div class="stack">
      <Note tone="info" title={explanation.sentence}>{explanation.decided && <p>Decided <Time us={explanation.decided.time_us} absolute />, asked about <Time us={explanation.at_us} absolute />.</p>}</Note>
      {steps.length > 0 && (
        <ol class="steps">
          {steps.map((step, index) => (
            <li key={index} data-kind={step.kind}><Icon name={ICONS[step.kind]} /><div><strong>{step.title}</strong>{step.detail && <div class="muted small wrap">{step.detail}</div>}</div></li>
          ))}
        </ol>
      )}
      {explanation.text.length > 0 && <details><summary>The same as the command line prints it</summary><pre class="told" tabIndex={0}>{explanation.text.join('\n')}</pre></details>}
    </div>
  );
}
