import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { loadavg, tmpdir } from 'node:os';
import { join } from 'node:path';
import { nowUs, quantiles, type Quantiles } from '../support/clock.js';
import { option } from '../support/options.js';
import { Report } from '../support/report.js';
import { System, type App } from '../support/system.js';
import { attacks, cronBomb, type Attack } from './attacks.js';

/**
 * What bad input costs the whole system, on real processes: each kind is answered as it should be, 99 of 100 within
 * the bound, and a second round of all of it leaves the API and the dispatcher no larger than the first.
 */
const calls = option('--calls', 200);
const bombs = option('--schedules', 10_000);
const inFlight = 2;
const boundMs = 100;
/** A heap that is collected late varies by as much. */
const slackMib = 48;
const watched = ['api', 'dispatcher'] as const satisfies readonly App[];
const report = new Report('bad-input');
const flaws: string[] = [];

async function run(system: System, attack: Attack, total: number): Promise<Quantiles> {
  const took: number[] = [];
  let next = 0;
  const worker = async (): Promise<void> => {
    while (next < total) {
      const text = textOf(attack, next++);
      const sentUs = nowUs();
      const { status, body: answer } = await system.client.send(attack.method, attack.path, text);
      took.push((nowUs() - sentUs) / 1000);
      if (!attack.expected.includes(status)) {
        throw new Error(`${attack.name} was answered ${status}: ${JSON.stringify(answer).slice(0, 300)}`);
      }
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return quantiles(took);
}

const texts = new Map<Attack, string>();

/** Made once where it is always the same: what the generator takes to make it is no part of what is measured. */
function textOf(attack: Attack, n: number): string {
  const known = texts.get(attack);
  if (known !== undefined) return known;
  const body = attack.body(n);
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  if (attack.body.length === 0) texts.set(attack, text);
  return text;
}

function told(name: string, { p50, p99, max }: Quantiles): void {
  report.line(
    `${name.padEnd(42)} p50 ${p50.toFixed(1)} ms  p99 ${p99.toFixed(1)} ms  max ${max.toFixed(1)} ms`,
  );
  if (p99 > boundMs) flaws.push(`${name}: p99 is ${p99.toFixed(1)} ms`);
}

function residentMib(system: System, app: App): number {
  const text = readFileSync(`/proc/${system.children.get(app)?.pid}/status`, 'utf8');
  return Number(/VmRSS:\s+(\d+) kB/.exec(text)?.[1]) / 1024;
}

/** As much as what was so large may be when the same has come once more. */
const grown = (mib: number): number => mib * 1.25 + slackMib;

async function rounds(system: System): Promise<void> {
  const sizes: Record<string, number[]> = {};
  for (let round = 1; round <= 2; round++) {
    for (const attack of attacks) {
      const found = await run(system, attack, calls);
      if (round === 2) {
        told(attack.name, found);
        report.put(attack.name, found);
      }
    }
    for (const app of watched) (sizes[app] ??= []).push(residentMib(system, app));
  }
  report.put('resident_mib', sizes);
  for (const [app, [first = 0, second = 0]] of Object.entries(sizes)) {
    report.line(`${app}: ${first.toFixed(0)} MiB after a round, ${second.toFixed(0)} MiB after two`);
    if (second > grown(first)) flaws.push(`${app} grew from ${first.toFixed(0)} to ${second.toFixed(0)} MiB`);
  }
}

/** The bomb itself, and what a submission waits while it goes off. */
async function bomb(system: System): Promise<void> {
  const made = await run(system, cronBomb, bombs);
  told(`${bombs} ${cronBomb.name}`, made);
  const before = residentMib(system, 'dispatcher');
  const submission: Attack = {
    name: 'a submission while they fire',
    method: 'POST',
    path: '/v1/tasks',
    body: () => ({ executor: 'noop' }),
    expected: [202],
  };
  const took: number[] = [];
  const sizes: number[] = [];
  // All fire in each minute: what one round of them leaves behind must not be left by each.
  for (let minute = 0; minute < 3; minute++) {
    const untilMs = performance.now() + 60_000;
    while (performance.now() < untilMs) took.push((await run(system, submission, inFlight)).max);
    sizes.push(residentMib(system, 'dispatcher'));
  }
  const found = quantiles(took);
  told(submission.name, found);
  report.put('cron_bomb', { made, while_they_fire: found, resident_mib: [before, ...sizes] });
  const [, second = 0, third = 0] = sizes;
  report.line(
    `dispatcher: ${before.toFixed(0)} MiB before they fired, ${sizes.map((size) => size.toFixed(0)).join(', ')} after each minute`,
  );
  if (third > grown(second))
    flaws.push(`the dispatcher grew from ${second.toFixed(0)} to ${third.toFixed(0)} MiB`);
}

const dataDir = mkdtempSync(join(tmpdir(), 'fluxforge-bench-'));
const system = new System(process.cwd(), dataDir, 256);
try {
  report.line(
    `load average ${loadavg()[0]?.toFixed(1)}; ${calls} calls of each kind, ${inFlight} at a time, two rounds`,
  );
  await system.start();
  await rounds(system);
  await bomb(system);
  report.finish();
} catch (error: unknown) {
  flaws.push(String(error));
} finally {
  await system.stop();
  rmSync(dataDir, { recursive: true, force: true });
}
for (const flaw of flaws) process.stderr.write(`bad-input: ${flaw}\n`);
process.exit(flaws.length > 0 ? 1 : 0);
