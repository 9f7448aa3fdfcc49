import { execFile } from 'node:child_process';
import { cpSync, mkdtempSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import path from 'node:path';

/**
 * The fences bite: in a copy of the tree each kind of trespass is planted, and the tools must name it. A
 * fence that lets one pass has a hole, whatever it says of the tree as it is.
 */
const root = path.join(__dirname, '..', '..');
const deadlineMs = 120_000;

/** What is planted where, and the rules that must name it. */
const trespasses = [
  {
    what: 'rules that read files',
    file: 'libs/domain/src/kernel/planted-files.ts',
    text: "import { readFileSync } from 'node:fs';\nexport const planted = readFileSync;\n",
    fence: 'domain-pure',
    lint: 'no-restricted-imports',
  },
  {
    what: 'rules that know a framework',
    file: 'libs/domain/src/kernel/planted-framework.ts',
    text: "import { Injectable } from '@nestjs/common';\nexport const planted = Injectable;\n",
    fence: 'domain-pure',
    lint: 'no-restricted-imports',
  },
  {
    what: 'rules that read the journal',
    file: 'libs/domain/src/kernel/planted-journal.ts',
    text: "import { startOfLog } from '@fluxforge/events/journal';\nexport const planted = startOfLog;\n",
    fence: 'domain-pure',
    lint: null,
  },
  {
    what: 'rules that read a clock',
    file: 'libs/domain/src/kernel/planted-clock.ts',
    text: 'export const planted = Date.now();\n',
    fence: null,
    lint: 'no-restricted-globals',
  },
  {
    what: 'rules that draw',
    file: 'libs/domain/src/kernel/planted-chance.ts',
    text: 'export const planted = Math.random();\n',
    fence: null,
    lint: 'no-restricted-properties',
  },
  {
    what: 'an app that imports another',
    file: 'apps/projector/src/planted-app.ts',
    text: "import * as other from '../../reconciler/src/reconciler.js';\nexport const planted = other;\n",
    fence: 'apps-isolated',
    lint: null,
  },
  {
    what: 'an agent that drags in the rules',
    file: 'apps/agent/src/planted-rules.ts',
    text: "import { clamp } from '@fluxforge/domain/kernel';\nexport const planted = clamp;\n",
    fence: 'agent-stays-small',
    lint: null,
  },
  {
    what: 'an agent with a framework',
    file: 'apps/agent/src/planted-framework.ts',
    text: "import { Injectable } from '@nestjs/common';\nexport const planted = Injectable;\n",
    fence: 'agent-no-framework',
    lint: null,
  },
  {
    what: 'a library that imports an app',
    file: 'libs/config/src/planted-app.ts',
    text: "import * as app from '../../../apps/reconciler/src/reconciler.js';\nexport const planted = app;\n",
    fence: 'libs-not-to-apps',
    lint: null,
  },
  {
    what: 'a cycle',
    file: 'libs/config/src/planted-cycle.ts',
    text: "import { other } from './planted-cycle-other.js';\nexport const planted = (): unknown => other;\n",
    fence: 'no-circular',
    lint: null,
  },
  {
    what: 'a second door into a concept',
    file: 'apps/reconciler/src/planted-door.ts',
    text: "import { clamp } from '../../../libs/domain/src/kernel/clamp.js';\nexport const planted = clamp;\n",
    fence: 'no-deep-import',
    lint: null,
  },
  {
    what: "a client of Kafka's outside its room",
    file: 'apps/reconciler/src/planted-client.ts',
    text: "import { Kafka } from 'kafkajs';\nexport const planted = Kafka;\n",
    fence: 'kafkajs-one-room',
    lint: null,
  },
  {
    what: "a client of Redis's outside its room",
    file: 'apps/reconciler/src/planted-cache-client.ts',
    text: "import { Redis } from 'ioredis';\nexport const planted = Redis;\n",
    fence: 'ioredis-one-room',
    lint: null,
  },
  {
    what: 'a cache that knows what it keeps',
    file: 'libs/cache/src/planted-queue.ts',
    text: "import { queueName } from '@fluxforge/events/hot-queue';\nexport const planted = queueName;\n",
    fence: 'cache-is-leaf',
    lint: null,
  },
  {
    what: 'a product that imports test means',
    file: 'apps/reconciler/src/planted-testing.ts',
    text: "import { runSeed } from '@fluxforge/testing/simulation';\nexport const planted = runSeed;\n",
    fence: 'testing-in-tests',
    lint: null,
  },
  {
    what: 'a simulation with means of its own',
    file: 'libs/testing/src/simulation/planted-means.ts',
    text: "import * as means from '../fault-proxy/index.js';\nexport const planted = means;\n",
    fence: 'simulation-runs-production',
    lint: null,
  },
  {
    what: 'an environment read in passing',
    file: 'apps/reconciler/src/planted-env.ts',
    text: "export const planted = process.env['HOME'];\n",
    fence: null,
    lint: 'no-restricted-syntax',
  },
  {
    what: 'a fact through an in-memory bus',
    file: 'apps/reconciler/src/planted-bus.ts',
    text: "import { EventBus } from '@nestjs/cqrs';\nexport const planted = EventBus;\n",
    fence: null,
    lint: 'no-restricted-syntax',
  },
] as const;

const copied = [
  'apps',
  'libs',
  'tsconfig.json',
  'eslint.config.mjs',
  '.dependency-cruiser.mjs',
  'package.json',
];
const other = "import { planted } from './planted-cycle.js';\nexport const other = (): unknown => planted;\n";

function run(cwd: string, script: string, args: readonly string[]): Promise<string> {
  return new Promise((resolve, reject) => {
    const options = { cwd, timeout: deadlineMs, maxBuffer: 64 * 1024 * 1024 };
    execFile(
      process.execPath,
      [path.join(root, 'node_modules', script), ...args],
      options,
      (error, out, err) => {
        // Both end with a code of their own when they found something; a tool that printed nothing did not run.
        if (out === '') reject(new Error(err === '' ? error?.message : err));
        else resolve(out);
      },
    );
  });
}

interface Trespass {
  readonly from: string;
  readonly rule: { readonly name: string };
  /** Of a cycle, which is named once, all that are in it. */
  readonly cycle?: readonly { readonly name: string }[];
}

interface Cruised {
  readonly summary: { readonly violations: readonly Trespass[] };
}

interface Linted {
  readonly filePath: string;
  readonly messages: readonly { readonly ruleId: string | null }[];
}

describe('the fences', () => {
  const named = new Map<string, Set<string>>();
  let copy = '';

  function name(file: string, rule: string): void {
    named.set(file, (named.get(file) ?? new Set()).add(rule));
  }

  beforeAll(async () => {
    copy = mkdtempSync(path.join(tmpdir(), 'fluxforge-fences-'));
    for (const entry of copied) cpSync(path.join(root, entry), path.join(copy, entry), { recursive: true });
    symlinkSync(path.join(root, 'node_modules'), path.join(copy, 'node_modules'));
    for (const { file, text } of trespasses) writeFileSync(path.join(copy, file), text);
    writeFileSync(path.join(copy, 'libs/config/src/planted-cycle-other.ts'), other);
    const files = trespasses.filter(({ lint }) => lint !== null).map(({ file }) => file);
    const [cruised, linted] = await Promise.all([
      run(copy, 'dependency-cruiser/bin/dependency-cruise.mjs', [
        ...['--config', '.dependency-cruiser.mjs', '--output-type', 'json', 'apps', 'libs'],
      ]),
      run(copy, 'eslint/bin/eslint.js', ['--format', 'json', ...files]),
    ]);
    for (const { from, rule, cycle = [] } of (JSON.parse(cruised) as Cruised).summary.violations) {
      for (const file of [from, ...cycle.map((one) => one.name)]) name(file, rule.name);
    }
    for (const { filePath, messages } of JSON.parse(linted) as Linted[]) {
      for (const { ruleId } of messages) if (ruleId) name(path.relative(copy, filePath), ruleId);
    }
  }, deadlineMs);

  afterAll(() => rmSync(copy, { recursive: true, force: true }));

  it.each(trespasses)('stop $what', ({ file, fence, lint }) => {
    const rules = [...(named.get(file) ?? [])];
    if (fence !== null) expect(rules).toContain(fence);
    if (lint !== null) expect(rules).toContain(lint);
  });

  it('name nothing that was not planted', () => {
    const others = [...named.keys()].filter((file) => !path.basename(file).startsWith('planted-'));
    expect(others).toEqual([]);
  });
});
