// ECharts, only the parts that views draw with, and only loaded by views that do.
//
// Tooltips are drawn on the canvas (`richText`): the HTML ones are markup with style attributes, which the content policy
// refuses and which names from outside have no business in.

import { BarChart, LineChart } from 'echarts/charts';
import { AriaComponent, DataZoomInsideComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent } from 'echarts/components';
import { init, use, type EChartsCoreOption, type EChartsType } from 'echarts/core';
import { CanvasRenderer } from 'echarts/renderers';
import { useEffect, useRef } from 'preact/hooks';

import { colour } from './colours';
import { dark } from '../state/preferences';

use([BarChart, LineChart, AriaComponent, DataZoomInsideComponent, GridComponent, LegendComponent, MarkLineComponent, TooltipComponent, CanvasRenderer]);

export type { EChartsCoreOption } from 'echarts/core';

/** Draws an option into the element of the ref that it returns; anew when the option or the theme changes. */
export function useEcharts(option: EChartsCoreOption) {
  const place = useRef<HTMLDivElement>(null);
  const chart = useRef<EChartsType | null>(null);
  const isDark = dark.value;
  useEffect(() => {
    if (!place.current) return undefined;
    const made = init(place.current, null, { renderer: 'canvas' });
    chart.current = made;
    const sizes = new ResizeObserver(() => { made.resize(); });
    sizes.observe(place.current);
    return () => {
      sizes.disconnect();
      made.dispose();
      chart.current = null;
    };
  }, []);
  useEffect(() => {
    chart.current?.setOption({ ...base(), ...option }, { notMerge: true });
  }, [option, isDark]);
  return place;
}

/** Text, lines and tooltip as the rest of the page. Axes take `axis()`. */
function base(): EChartsCoreOption {
  return {
    animation: false,
    textStyle: { fontFamily: getComputedStyle(document.documentElement).fontFamily, color: colour('ink-2') },
    grid: { left: 8, right: 12, top: 36, bottom: 8, containLabel: true },
    legend: { top: 0, textStyle: { color: colour('ink-2') }, inactiveColor: colour('line-strong') },
    tooltip: tooltip(),
  };
}

/** Give `formatter` a function that returns plain text with line breaks. */
export function tooltip(more: object = {}): object {
  return {
    trigger: 'axis', renderMode: 'richText', confine: true, backgroundColor: colour('raised'), borderColor: colour('line'),
    textStyle: { color: colour('ink'), fontSize: 12 }, ...more,
  };
}

export function axis(more: object = {}): object {
  return {
    axisLine: { lineStyle: { color: colour('line-strong') } },
    axisTick: { lineStyle: { color: colour('line-strong') } },
    axisLabel: { color: colour('ink-2') },
    nameTextStyle: { color: colour('ink-2') },
    splitLine: { lineStyle: { color: colour('line') } },
    ...more,
  };
}
