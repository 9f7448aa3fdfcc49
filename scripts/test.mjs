#!/usr/bin/env node
// `npm test`: every test there is, on a real Kafka and a real Postgres.
//   npm test -- [path filter...] [--tier fast|sim|int|e2e] [-t name]
// Needs no node_modules to begin with. The last line is `N passed, N failed`, alone.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { ensureBuilt } from './lib/build.mjs';
import { ensureInstalled } from './lib/install.mjs';
import { npm, rerunUnderOwnNode } from './lib/node-choice.mjs';
import { CACHE, ROOT, inRoot } from './lib/paths.mjs';
import { endProcesses } from './lib/procs.mjs';
import { say, seconds, step } from './lib/progress.mjs';
import { run } from './lib/run.mjs';
import { beginRun, sweepDeadRuns } from './lib/runs.mjs';
import { MissingPart } from './infra/kafka-jars.mjs';
import { startTestInfra } from './testing/infra.mjs';
import { runJest } from './testing/jest.mjs';
import * as results from './testing/results.mjs';
import { TIERS, specFiles } from './testing/specs.mjs';

const MINUTE_MS = 60_000;
const DEADLINES_MS = { fast: 10 * MINUTE_MS, sim: 10 * MINUTE_MS, int: 15 * MINUTE_MS, e2e: 30 * MINUTE_MS };
const JEST_ARGS = { fast: ['--maxWorkers=2'], sim: ['--maxWorkers=2'], int: ['-i'], e2e: ['-i'] };
// Suites that are commands: each counts as one test.
const COMMANDS = [
  { script: 'sim', args: ['--seeds', '200', '--from', '1'], deadlineMs: 15 * MINUTE_MS },
  { script: 'mutants', args: [], deadlineMs: 20 * MINUTE_MS },
];

function parse() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { tier: { type: 'string', multiple: true }, t: { type: 'string', short: 't' } },
  });
  const tiers = values.tier ?? TIERS;
  const unknown = tiers.filter((t) => !TIERS.includes(t));
  if (unknown.length > 0) throw new Error(`--tier is one of ${TIERS.join(', ')}, not ${unknown.join(', ')}`);
  return { tiers, filters: positionals, name: values.t };
}

async function runTier(tier, files, { env, outDir, name, totals }) {
  if (files.length === 0) return;
  const started = performance.now();
  say(`\n== ${tier}: ${files.length} files`);
  const args = [...JEST_ARGS[tier], ...(name ? ['-t', name] : [])];
  const result = await runJest({ group: tier, files, args, env, outDir, deadlineMs: DEADLINES_MS[tier] });
  results.addJest(totals, result);
  say(`== ${tier}: ${seconds(performance.now() - started)}`);
}

async function runCommands({ env, totals }) {
  const { scripts } = JSON.parse(fs.readFileSync(inRoot('package.json'), 'utf8'));
  for (const { script, args, deadlineMs } of COMMANDS.filter((c) => scripts[c.script])) {
    const name = `npm run ${[script, ...(args.length ? ['--', ...args] : [])].join(' ')}`;
    const call = npm(['run', '--silent', script, ...(args.length ? ['--', ...args] : [])]);
    let failure;
    await step(name, async (onLine) => {
      const { output } = await run(call.command, call.args, { cwd: ROOT, env, deadlineMs, onLine });
      say(`  ${output.trim().split('\n').at(-1)}`);
    }).catch((error) => {
      failure = error.message;
    });
    results.addCommand(totals, { name, failure });
  }
}

function report(totals, { name }) {
  const ciFile = inRoot('.ci', 'run');
  const ciText = fs.existsSync(ciFile) ? fs.readFileSync(ciFile, 'utf8') : undefined;
  const allowed = results.allowedSkips({ env: process.env.FLUXFORGE_ALLOWED_SKIPS, ciText });
  if (name !== undefined) totals.skips = []; // -t leaves out what it does not name
  results.judge(totals, allowed);
  for (const skip of totals.skips) say(`skipped: ${skip.name} (${skip.reason ?? 'no reason given'})`);
  if (totals.failures.length > 0) say('\nFailures:');
  for (const { name: what, message } of totals.failures) {
    say(`- ${path.isAbsolute(what) ? path.relative(ROOT, what) : what}`);
    if (message) say(`    ${message.slice(0, 1500).replaceAll('\n', '\n    ')}`);
  }
  say(`\n${results.lastLine(totals)}`);
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

async function testAll(run_, { tiers, filters, name }, tempDir, totals) {
  const files = specFiles({ filters, tiers });
  const needsInfra = files.int.length + files.e2e.length > 0;
  await ensureInstalled();
  if (needsInfra) await ensureBuilt(); // only tests of real processes run what is built
  const env = { ...run_.env, NODE_ENV: 'test' };
  const infra = needsInfra ? await startTestInfra({ runId: run_.runId, dataDir: tempDir }) : undefined;
  Object.assign(env, infra?.env);
  const context = { env, outDir: path.join(tempDir, 'results'), name, totals };
  try {
    await runTier('fast', files.fast, context);
    await runTier('sim', files.sim, context);
    if (tiers.includes('sim') && filters.length === 0 && !name) await runCommands(context);
    await runTier('int', files.int, context);
    await runTier('e2e', files.e2e, context);
  } finally {
    await infra?.stop();
  }
}

async function main() {
  const options = parse();
  if (await rerunUnderOwnNode()) return;
  for (const { ended } of await sweepDeadRuns()) say(`ended ${ended} processes that an earlier run had left`);
  fs.mkdirSync(CACHE, { recursive: true });
  const tempDir = fs.mkdtempSync(path.join(os.tmpdir(), 'fluxforge-test-'));
  fs.chmodSync(tempDir, 0o711); // Postgres may run as another user
  const current = beginRun({ folders: [tempDir] });
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => process.exit(130)); // the guard ends what was started
  }
  const totals = results.emptyTotals();
  try {
    await testAll(current, options, tempDir, totals);
  } catch (error) {
    results.fail(totals, error instanceof MissingPart ? error.message : (error?.stack ?? String(error)));
  }
  const left = current.leftovers();
  if (left.length > 0) {
    const names = left.map((p) => `${p.pid}`).join(', ');
    results.fail(totals, `processes that the tests started are still there, and were ended: ${names}`);
    await endProcesses(left);
  }
  await current.end();
  report(totals, options);
}

await main();
