import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from 'prom-client';
import { watchEventLoop } from './event-loop.js';
import {
  metricDefinitions,
  type CounterName,
  type GaugeName,
  type HistogramName,
  type LabelsOf,
  type MetricName,
} from './metric-names.js';

type Instrument = Counter | Gauge | Histogram;

/** The measures of one process. An instrument appears in the scrape once it has been used. */
export class Metrics {
  readonly registry = new Registry();
  private readonly instruments = new Map<MetricName, Instrument>();
  private readonly collectors: (() => void | Promise<void>)[] = [];

  constructor(processName: string) {
    this.registry.setDefaultLabels({ process: processName });
  }

  add<N extends CounterName>(name: N, labels: LabelsOf<N>, count = 1): void {
    (this.instrument(name) as Counter).inc(labels, count);
  }

  set<N extends GaugeName>(name: N, labels: LabelsOf<N>, value: number): void {
    (this.instrument(name) as Gauge).set(labels, value);
  }

  /** A series that has ended (a partition that moved away) must not show its last value for ever. */
  remove<N extends MetricName>(name: N, labels: LabelsOf<N>): void {
    this.instrument(name).remove(labels);
  }

  observe<N extends HistogramName>(name: N, labels: LabelsOf<N>, value: number): void {
    (this.instrument(name) as Histogram).observe(labels, value);
  }

  /** Called before each scrape, for gauges that are cheaper to read than to keep. */
  onScrape(collect: () => void | Promise<void>): void {
    this.collectors.push(collect);
  }

  /** CPU, memory, garbage collection and the event loop's delay. Answers what stops the watching. */
  watchProcess(): () => void {
    collectDefaultMetrics({ register: this.registry });
    return watchEventLoop(this);
  }

  async scrape(): Promise<string> {
    for (const collect of this.collectors) await collect();
    return this.registry.metrics();
  }

  get contentType(): string {
    return this.registry.contentType;
  }

  private instrument(name: MetricName): Instrument {
    const known = this.instruments.get(name);
    if (known) return known;
    const made = create(name, this.registry);
    this.instruments.set(name, made);
    return made;
  }
}

function create(name: MetricName, registry: Registry): Instrument {
  const definition = metricDefinitions[name];
  const base = { name, help: definition.help, labelNames: [...definition.labels], registers: [registry] };
  switch (definition.type) {
    case 'counter':
      return new Counter(base);
    case 'gauge':
      return new Gauge(base);
    case 'histogram':
      return new Histogram({ ...base, buckets: [...definition.buckets] });
  }
}
