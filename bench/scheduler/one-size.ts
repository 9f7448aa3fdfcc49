import { performance, PerformanceObserver } from 'node:perf_hooks';
import { setImmediate } from 'node:timers/promises';
import { quantiles } from '../support/clock.js';
import { heapBytes } from './heap.js';
import { type Course, type Round, type Weight } from './in-turns.js';
import { Population } from './population.js';

/**
 * A process with a population of one size, and a heap of its own: it does what it is asked for over its channel. Once
 * half of a population's tasks are leased it makes itself a new one, so that no round finds the queue much shorter.
 */
const { size, atWork } = JSON.parse(process.argv[2] ?? '') as Course;

/** Reports that one commit of the owner takes in, at a busy time. */
const endsAtOnce = 200;
/** Until all that is run often is compiled for good. */
const warmingDecisions = 30_000;
const decisionsToSettle = 1_000;

interface Span {
  readonly fromMs: number;
  readonly toMs: number;
}

let population: Population;
let weight: Weight;
/** Decisions before the next renewal. */
let left = 0;

const pauses: Span[] = [];
new PerformanceObserver((list) => {
  for (const { startTime, duration } of list.getEntries())
    pauses.push({ fromMs: startTime, toMs: startTime + duration });
}).observe({ entryTypes: ['gc'] });

function renew(): void {
  population = new Population(size);
  const before = heapBytes();
  const cpu = process.cpuUsage();
  population.queueAll(false);
  const queuedPerSecond = (size.tasks / usedUs(cpu)) * 1e6;
  weight = { bytesPerTask: (heapBytes() - before) / size.tasks, queuedPerSecond };
  while (population.decideOne());
  left = size.tasks / 2;
}

/** Ends as many runs as a commit may, then gives the leases that they make room for, until so many are given. */
function decide(decisions: number): { decisionsUs: number[]; cpuUs: number; spans: Span[] } {
  const decisionsUs: number[] = [];
  const spans: Span[] = [];
  let cpuUs = 0;
  while (decisionsUs.length < decisions) {
    for (let i = 0; i < endsAtOnce; i++) population.endOne();
    const fromMs = performance.now();
    const cpu = process.cpuUsage();
    for (;;) {
      const startMs = performance.now();
      if (!population.decideOne()) break;
      decisionsUs.push((performance.now() - startMs) * 1000);
    }
    cpuUs += usedUs(cpu);
    spans.push({ fromMs, toMs: performance.now() });
  }
  left -= decisionsUs.length;
  return { decisionsUs, cpuUs, spans };
}

async function round(decisions: number): Promise<Round> {
  if (left < decisions) {
    renew();
    settle();
  }
  // What was collected up to here has been told of within two turns of the loop.
  await turns(3);
  pauses.length = 0;
  const cpu = process.cpuUsage();
  const { decisionsUs, cpuUs, spans } = decide(decisions);
  const cpuWithEndsUs = usedUs(cpu);
  await turns(3);
  const { p50, p99 } = quantiles(decisionsUs);
  const made = decisionsUs.length;
  return { made, cpuUs, cpuWithEndsUs, collectorUs: pausedMs(spans) * 1000, p50, p99 };
}

async function turns(count: number): Promise<void> {
  for (let i = 0; i < count; i++) await setImmediate();
}

function pausedMs(spans: readonly Span[]): number {
  let sumMs = 0;
  for (const { fromMs, toMs } of pauses) {
    if (spans.some((span) => span.fromMs <= fromMs && fromMs < span.toMs)) sumMs += toMs - fromMs;
  }
  return sumMs;
}

function usedUs(since: NodeJS.CpuUsage): number {
  const { user, system } = process.cpuUsage(since);
  return user + system;
}

function warmUp(): Weight {
  const decisions = Math.min(warmingDecisions, size.tasks / 10);
  renew();
  for (let made = 0; made < warmingDecisions; made += decisions) {
    if (left < decisions) renew();
    decide(decisions);
  }
  settle();
  return weight;
}

/** Into the state in which it stays. */
function settle(): void {
  population.narrowTo(atWork);
  left = Math.min(left, (size.tasks * atWork) / size.tenants / 2);
  decide(decisionsToSettle);
}

process.on('message', (asked: 'warm-up' | number) => {
  if (asked === 'warm-up') process.send!(warmUp());
  else void round(asked).then((found) => process.send!(found));
});
