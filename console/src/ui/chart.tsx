/** Lines over time, by uPlot in the colours of the theme, with the numbers beside for ears. */
import { useEffect, useEffectEvent, useRef } from "react";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { whole } from "./numbers.ts";
import { hourText } from "./time.tsx";

export interface ChartSeries {
  readonly label: string;
  readonly tone: "accent" | "good" | "warn" | "bad" | "soft";
  readonly values: readonly number[];
  readonly filled?: boolean;
}

interface ChartProps {
  readonly label: string;
  /** Milliseconds since the epoch. */
  readonly at: readonly number[];
  readonly series: readonly ChartSeries[];
}

const SECOND_MS = 1_000;
const HEIGHT = 192;
const AXIS_FONT = "12px system-ui, sans-serif";

function colours(box: HTMLElement): (name: string) => string {
  // Read at every drawing: the theme may have changed since the last one.
  const probe = box.querySelector<HTMLElement>(".chart-probe");
  return (name) => {
    if (probe === null) return "gray";
    probe.style.color = name.startsWith("color-") ? name : `var(--${name})`;
    return getComputedStyle(probe).color;
  };
}

function optionsOf(box: HTMLElement, series: readonly ChartSeries[]): uPlot.Options {
  const colour = colours(box);
  const toned = (tone: string): string => colour(tone === "soft" ? "ink-soft" : tone);
  const axis: uPlot.Axis = {
    stroke: () => colour("ink-soft"),
    font: AXIS_FONT,
    grid: { stroke: () => colour("line"), width: 1 },
    ticks: { show: false },
  };
  return {
    width: box.clientWidth,
    height: HEIGHT,
    legend: { show: false },
    cursor: { drag: { x: false, y: false }, points: { size: 6 } },
    padding: [8, 8, 0, 0],
    scales: { y: { range: (_plot, _min, max) => [0, Math.max(4, max * 1.1)] } },
    axes: [
      {
        ...axis,
        size: 28,
        grid: { show: false },
        values: (_plot, at) => at.map((s) => hourText(s * 1_000)),
      },
      { ...axis, size: 44, values: (_plot, values) => values.map((value) => whole(value)) },
    ],
    series: [
      {},
      ...series.map(({ label, tone, filled = false }): uPlot.Series => {
        const stepped = uPlot.paths.stepped?.({ align: 1 });
        return {
          label,
          stroke: () => toned(tone),
          width: 2,
          points: { show: false },
          ...(stepped === undefined ? {} : { paths: stepped }),
          ...(filled ? { fill: () => colour(faded(tone)) } : {}),
        };
      }),
    ],
  };
}

function faded(tone: string): string {
  return `color-mix(in srgb, var(--${tone}) 14%, transparent)`;
}

export function Chart({ label, at, series }: ChartProps) {
  const box = useRef<HTMLDivElement>(null);
  const plot = useRef<uPlot>(undefined);
  const names = series.map((each) => each.label).join();
  const data = (): uPlot.AlignedData => [
    at.map((ms) => ms / SECOND_MS),
    ...series.map(({ values }) => [...values]),
  ];
  const make = useEffectEvent((element: HTMLElement) => {
    return new uPlot(optionsOf(element, series), data(), element);
  });
  useEffect(() => {
    const element = box.current;
    if (element === null) return undefined;
    const made = make(element);
    plot.current = made;
    const sized = new ResizeObserver(() => {
      made.setSize({ width: element.clientWidth, height: HEIGHT });
    });
    sized.observe(element);
    const redraw = (): void => made.redraw(false, true);
    const theme = new MutationObserver(redraw);
    theme.observe(document.documentElement, { attributeFilter: ["data-theme"] });
    const system = matchMedia("(prefers-color-scheme: dark)");
    system.addEventListener("change", redraw);
    return () => {
      sized.disconnect();
      theme.disconnect();
      system.removeEventListener("change", redraw);
      made.destroy();
      plot.current = undefined;
    };
  }, [names]);
  useEffect(() => plot.current?.setData(data()));
  return (
    <figure>
      <div ref={box} className="chart" aria-hidden="true">
        <span className="chart-probe" />
      </div>
      <ChartTable label={label} at={at} series={series} />
    </figure>
  );
}

function ChartTable({ label, at, series }: ChartProps) {
  return (
    <table className="hidden-text">
      <caption>{label}</caption>
      <thead>
        <tr>
          <th scope="col">From</th>
          {series.map((each) => (
            <th key={each.label} scope="col">
              {each.label}
            </th>
          ))}
        </tr>
      </thead>
      <tbody>
        {at.map((ms, index) => (
          <tr key={ms}>
            <th scope="row">{hourText(ms)}</th>
            {series.map((each) => (
              <td key={each.label}>{each.values[index]}</td>
            ))}
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function Legend({ series }: { readonly series: readonly ChartSeries[] }) {
  return (
    <ul className="legend" aria-hidden="true">
      {series.map(({ label, tone }) => (
        <li key={label}>
          <svg width="14" height="4" className={`tone-${tone}`}>
            <rect width="14" height="3" rx="1.5" fill="currentColor" />
          </svg>
          {label}
        </li>
      ))}
    </ul>
  );
}
