//! What is wrong with data, before anyone calculates with it: how sure the doctor is, where it is, what to declare.

import type { JSX } from 'preact';
import { useState } from 'preact/hooks';

import { wrongOf } from '../../api/problem';
import { useAsked } from '../../api/use';
import { Badge, Button, Card, Empty, Field, Page, Segments, Time, type Tone } from '../../design';
import { text } from '../../units';
import { findings as fetchFindings } from '../calls/history';
import { capital, Copyable, Shown } from '../kit';
import type { Place } from '../place';
import type { Finding, Findings } from '../shapes';

const LENGTHS = [{ value: '-1d', text: '1 day' }, { value: '-7d', text: '7 days' }, { value: '-30d', text: '30 days' }, { value: '-365d', text: '1 year' }] as const;
const SEVERITIES: Record<string, Tone> = { fault: 'critical', warning: 'warning', note: 'info' };

export function Doctor({ place, series }: { place: Place; series: string }): JSX.Element {
  const [typed, setTyped] = useState(series);
  const [pattern, setPattern] = useState(series);
  const [from, setFrom] = useState<(typeof LENGTHS)[number]['value']>('-30d');
  const answer = useAsked(`${place.operator}/${place.site}/${pattern}/${from}`, (signal) => fetchFindings(place, { series: pattern, from }, signal));
  return (
    <Page title="Data doctor" about="Units, signs, gaps, clocks and counters, held against each other" actions={<Button icon="reload" busy={answer.loading} onClick={answer.again}>Examine again</Button>}>
      <form class="row" role="search" aria-label="What is examined" onSubmit={(event) => { event.preventDefault(); setPattern(typed.trim()); }}>
        <Segments label="Over the last" options={LENGTHS} value={from} onChange={setFrom} />
        <Field label="Series" value={typed} onValue={setTyped} placeholder="*.power" wrong={wrongOf(answer.problem, 'series')} hint="A pattern; empty for all of the site" spellcheck={false} />
        <Button type="submit">Examine</Button>
      </form>
      <Shown of={answer} what="findings">{(found) => <Found found={found} />}</Shown>
    </Page>
  );
}

function Found({ found }: { found: Findings }): JSX.Element {
  const [severity, setSeverity] = useState('all');
  const count = (name: string) => found.findings.filter((each) => each.severity === name).length;
  const shown = found.findings.filter((each) => severity === 'all' || each.severity === severity);
  const options = [{ value: 'all', text: `all ${String(found.findings.length)}` }, ...Object.keys(SEVERITIES).filter((each) => count(each) > 0).map((each) => ({ value: each, text: `${each}s ${String(count(each))}` }))];
  return (
    <>
      <p class="muted" role="status">{found.examined} series examined, from <Time us={found.from_us} absolute /> to <Time us={found.to_us} absolute />.</p>
      {found.findings.length === 0
        ? found.examined === 0
          ? <Empty icon="search" title="There was nothing to examine">No series of the pattern has values in that time.</Empty>
          : <Empty icon="check" title="Nothing was found">What was examined agrees with itself and with what is declared.</Empty>
        : <Segments label="Severity" options={options} value={severity} onChange={setSeverity} />}
      <ul class="stack">{shown.map((each, index) => <li key={`${each.kind}/${each.series.join()}/${String(index)}`}><OneFinding finding={each} /></li>)}</ul>
    </>
  );
}

function OneFinding({ finding }: { finding: Finding }): JSX.Element {
  return (
    <Card>
      <article class="stack" aria-label={finding.message}>
        <div class="row">
          <Badge tone={SEVERITIES[finding.severity]}>{finding.severity}</Badge>
          <strong>{capital(finding.kind.replaceAll('_', ' '))}</strong>
          <span class="muted number">{text(finding.confidence, '1', { digits: 0 })} sure{finding.count > 1 ? `, ${finding.count.toLocaleString('en-GB')} times` : ''}</span>
          <span class="muted small push">{finding.from_us !== null && <><Time us={finding.from_us} absolute />{finding.to_us !== null && finding.to_us !== finding.from_us && <> to <Time us={finding.to_us} absolute /></>}</>}</span>
        </div>
        <p class="wrap">{finding.message}</p>
        <p class="wrap small"><span class="muted">In</span> {finding.series.join(', ')}</p>
        {finding.picture_svg !== null && <img class="picture" alt={`What was seen: ${finding.message}`} src={pictureUrl(finding.picture_svg)} loading="lazy" />}
        {finding.declare.length > 0 && <Copyable label="What to declare" text={finding.declare.join('\n')} />}
        {finding.repair !== null && <p><span class="muted">What mends it:</span> {finding.repair}</p>}
      </article>
    </Card>
  );
}

/** A picture as an address: in an image nothing of it can act, whatever its names say. */
function pictureUrl(svg: string): string {
  return `data:image/svg+xml;charset=utf-8,${encodeURIComponent(svg)}`;
}
