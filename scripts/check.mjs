#!/usr/bin/env node
// `npm run check`: what a change must pass before it is committed: format, lint, types, fences, fast tests.
// Steps that do not wait for one another run side by side, two at a time. The last line is `N passed, N failed`,
// counting each step as one and each fast test as one.
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { ensureInstalled } from './lib/install.mjs';
import { CACHE, ROOT, inRoot } from './lib/paths.mjs';
import { say, seconds } from './lib/progress.mjs';
import { run } from './lib/run.mjs';
import { runJest } from './testing/jest.mjs';
import * as results from './testing/results.mjs';
import { specFiles } from './testing/specs.mjs';

const DEADLINE_MS = 5 * 60_000;
const SIDE_BY_SIDE = 2;
const node = (file, ...args) => ({
  command: process.execPath,
  args: [inRoot('node_modules', ...file), ...args],
});

const prettierCache = path.join(CACHE, 'prettier');
const steps = [
  { name: 'fast tests', jest: true },
  {
    name: 'lint',
    ...node(['eslint', 'bin', 'eslint.js'], '.', '--cache', '--cache-strategy', 'content'),
    more: ['--cache-location', path.join(CACHE, 'eslint/'), '--max-warnings', '0'],
  },
  { name: 'types', ...node(['ts7', 'bin', 'tsc'], '--noEmit', '-p', 'tsconfig.json') },
  {
    name: 'fences',
    ...node(['dependency-cruiser', 'bin', 'dependency-cruise.mjs'], '--config', '.dependency-cruiser.mjs'),
    more: ['apps', 'libs'],
    when: () => fs.existsSync(inRoot('.dependency-cruiser.mjs')),
  },
  {
    name: 'format',
    ...node(['prettier', 'bin', 'prettier.cjs'], '--check', '--cache', '--cache-strategy', 'content'),
    more: ['--cache-location', prettierCache, '--log-level', 'warn', '.'],
  },
];

async function runStep(step, totals) {
  const started = performance.now();
  let output;
  let failed;
  // Another step may end at any time: what this one adds is counted around the adding alone.
  const add = (adding) => {
    const before = totals.failed;
    adding();
    failed = totals.failed > before;
  };
  if (step.jest) {
    const outDir = fs.mkdtempSync(path.join(os.tmpdir(), 'fluxforge-check-'));
    const files = specFiles({ tiers: ['fast'] }).fast;
    const args = ['--maxWorkers=2', '--reporters=default'];
    const env = { ...process.env, NODE_ENV: 'test' };
    const result = await runJest({
      group: 'fast',
      files,
      args,
      env,
      outDir,
      deadlineMs: DEADLINE_MS,
      quiet: true,
    });
    fs.rmSync(outDir, { recursive: true, force: true });
    add(() => results.addJest(totals, result));
    output = result.output;
  } else {
    const call = run(step.command, [...step.args, ...(step.more ?? [])], {
      cwd: ROOT,
      deadlineMs: DEADLINE_MS,
    });
    const failure = await call.then(
      () => undefined,
      (error) => error,
    );
    output = failure?.output ?? failure?.message ?? '';
    add(() => results.addCommand(totals, { name: step.name, failure: failure && 'see above' }));
  }
  if (failed) say(`\n${output.trim()}\n`);
  say(`${failed ? 'FAILED' : 'ok    '} ${step.name.padEnd(12)} ${seconds(performance.now() - started)}`);
}

async function main() {
  const started = performance.now();
  await ensureInstalled();
  fs.mkdirSync(CACHE, { recursive: true });
  const totals = results.emptyTotals();
  const waiting = steps.filter((s) => s.when?.() ?? true);
  const lane = async () => {
    for (let next = waiting.shift(); next; next = waiting.shift()) await runStep(next, totals);
  };
  await Promise.all(Array.from({ length: SIDE_BY_SIDE }, lane));
  const ciText = fs.existsSync(inRoot('.ci', 'run'))
    ? fs.readFileSync(inRoot('.ci', 'run'), 'utf8')
    : undefined;
  results.judge(totals, results.allowedSkips({ env: process.env.FLUXFORGE_ALLOWED_SKIPS, ciText }));
  for (const { name } of totals.failures)
    say(`- ${path.isAbsolute(name) ? path.relative(ROOT, name) : name}`);
  say(`\n${seconds(performance.now() - started)} in all`);
  say(results.lastLine(totals));
  process.exitCode = totals.failed > 0 ? 1 : 0;
}

await main();
