import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { header } from '@fluxforge/events/envelope';
import { createKafkaLog } from '@fluxforge/events/kafka';
import { type LogPort } from '@fluxforge/events/log';
import { topicsOf } from '@fluxforge/events/topics';
import { FaultProxy } from '@fluxforge/testing/fault-proxy';
import { eventually } from '../e2e/support/eventually.js';
import { sharedInfra, type Infra } from '../e2e/support/infra.js';
import { root, SupervisedProcess, type LogLine } from '../e2e/support/supervised-process.js';

/**
 * A dispatcher as a real process, with the thread that makes its snapshots: killed, with Postgres silent, and
 * with a corrupt partition that an operator repairs.
 */

jest.setTimeout(180_000);

const dist = process.env['FLUXFORGE_DIST'] ?? join(root, 'dist');
const id = `e2e${randomBytes(5).toString('hex')}`;
const folder = mkdtempSync(join(tmpdir(), 'fluxforge-e2e-'));
const partition = 0;

let infra: Infra;
let proxy: FaultProxy;
let log: LogPort;
let dispatcher: SupervisedProcess;
let env: Record<string, string>;

interface Ran {
  readonly code: number;
  readonly out: string;
  readonly err: string;
}

function run(main: string, ...args: string[]): Promise<Ran> {
  return new Promise((resolve) => {
    execFile(process.execPath, [join(dist, main), ...args], { env, timeout: 60_000 }, (error, out, err) =>
      resolve({ code: typeof error?.code === 'number' ? error.code : error ? -1 : 0, out, err }),
    );
  });
}

const journal = (...args: string[]) =>
  run('apps/dispatcher/src/journal-main.js', ...args, '--context', 'tasks', '--partition', String(partition));

/** Makes a tenant: the dispatcher has decided it, and what it decided is in the log. */
async function tenant(name: string): Promise<void> {
  const { code, err } = await run('apps/api/src/bootstrap-main.js', '--tenant', name);
  if (code !== 0) throw new Error(`bootstrap: ${err}`);
}

function said(msg: string, fits: (line: LogLine) => boolean = () => true): LogLine | undefined {
  return dispatcher.lines().find((line) => line.msg === msg && line['partition'] === partition && fits(line));
}

function waitFor(msg: string, fits?: (line: LogLine) => boolean): Promise<LogLine> {
  return eventually(
    () => `${msg}\n${dispatcher.tail()}`,
    () => said(msg, fits),
  );
}

async function metric(outcome: string): Promise<number> {
  const { ops } = await dispatcher.ready();
  const text = await (await fetch(`http://${String(ops)}/metrics`)).text();
  const line = text
    .split('\n')
    .find((l) => l.startsWith('fluxforge_snapshots_total') && l.includes(`"${outcome}"`));
  return Number(line?.split(' ').at(-1) ?? 0);
}

/** How far each thread of a process has stepped back (the 19th field of proc(5)'s stat, the second ends in a bracket). */
function nicenessOfThreads(pid: number): number[] {
  const tasks = `/proc/${pid}/task`;
  return readdirSync(tasks).map((thread) => {
    const [, fields = ''] = readFileSync(join(tasks, thread, 'stat'), 'utf8').split(') ');
    return Number(fields.split(' ')[16]);
  });
}

const onDisk = () => readdirSync(join(folder, 'data', 'snapshots', `tasks-${partition}`)).sort();

beforeAll(async () => {
  infra = await sharedInfra();
  const postgres = new URL(infra.postgresUrl);
  proxy = await FaultProxy.start({ host: postgres.hostname, port: Number(postgres.port) });
  postgres.port = String(proxy.address.port);
  log = createKafkaLog({ brokers: infra.brokers.split(','), clientId: 'fluxforge-e2e' });
  const runId = process.env['FLUXFORGE_RUN_ID'];
  env = {
    PATH: process.env['PATH'] ?? '',
    ...(runId ? { FLUXFORGE_RUN_ID: runId } : {}),
    FLUXFORGE_KAFKA_BROKERS: infra.brokers,
    FLUXFORGE_POSTGRES_URL: postgres.toString(),
    FLUXFORGE_TOPIC_PREFIX: id,
    FLUXFORGE_PARTITIONS: '1',
    FLUXFORGE_DEV_MODE: 'true',
    FLUXFORGE_SIGNING_KEY: 'e2e'.padEnd(48, 'k'),
    FLUXFORGE_DATA_DIR: join(folder, 'data'),
    FLUXFORGE_DISPATCHER_GRPC_ADDRESS: '127.0.0.1:0',
    FLUXFORGE_SNAPSHOT_RECORDS: '1',
    FLUXFORGE_SNAPSHOT_INTERVAL_MS: '500',
  };
  mkdirSync(join(folder, 'logs'));
  const main = 'apps/dispatcher/src/main.js';
  dispatcher = new SupervisedProcess({ name: 'dispatcher', main, env, folder: join(folder, 'logs') });
  await run('apps/projector/src/migrate-main.js');
  await run('apps/api/src/bootstrap-main.js', '--tenant', 'none', '--topics-only');
  await dispatcher.start();
  await tenant('first');
});

afterAll(async () => {
  await dispatcher?.hold();
  await log?.close();
  await proxy?.close();
  await infra?.stop();
  rmSync(folder, { recursive: true, force: true });
});

describe('a dispatcher with snapshots', () => {
  it('makes them beside its work, and a killed one begins at the last', async () => {
    const made = await waitFor('snapshot made', (line) => line['stores'] === 2);
    if (process.platform === 'linux') expect(new Set(nicenessOfThreads(dispatcher.pid)).size).toBe(2);
    await dispatcher.hold();
    await dispatcher.start();
    const loaded = await waitFor('snapshot loaded');
    expect(Number(loaded['next'])).toBeGreaterThanOrEqual(Number(made['next']));
    await tenant('after-kill');
    expect(await metric('loaded')).toBeGreaterThan(0);
  });

  it('begins at the one in Postgres when its disk is empty', async () => {
    await dispatcher.hold();
    rmSync(join(folder, 'data', 'snapshots'), { recursive: true });
    await dispatcher.start();
    expect(await waitFor('snapshot loaded')).toMatchObject({ store: 'postgres' });
    await tenant('after-loss-of-disk');
  });

  it('is not held up by a silent Postgres: the one on the disk serves, and others are made there', async () => {
    await waitFor('snapshot made');
    await dispatcher.hold();
    const before = onDisk();
    proxy.blackhole();
    await dispatcher.start();
    const loaded = await waitFor('snapshot loaded');
    expect(loaded).toMatchObject({ store: 'disk' });
    expect(loaded['tookMs']).toBeLessThan(3_000);
    await tenant('without-postgres');
    await waitFor('snapshot made', (line) => line['stores'] === 1);
    expect(onDisk().at(-1)! > before.at(-1)!).toBe(true);
    expect(await metric('not_on_postgres')).toBeGreaterThan(0);
    await proxy.heal();
    await tenant('postgres-again');
    await waitFor('snapshot made', (line) => line['stores'] === 2);
  });

  it('stops at a corrupt record, and goes on once an operator has repaired the partition', async () => {
    expect(await journal('verify')).toMatchObject({ code: 0, err: '' });
    const events = { topic: topicsOf(id).events.tasks, partition };
    const { end } = await log.offsets(events);
    const { records } = await log.read(events, 0, { maxBytes: 4_000_000, timeoutMs: 10_000 });
    const { key, value, headers } = records.filter((record) => record.headers[header.seq]).at(-1)!;
    const newest = records.at(-1)!.headers;
    const jump = { [header.term]: newest[header.term]!, [header.owner]: newest[header.owner]! };
    const forged = { key, value, headers: { ...headers, ...jump, [header.seq]: '999999' } };
    await log.append(events, [forged], { timeoutMs: 10_000 });
    const alarm = await waitFor('partition stopped; an operator must look');
    expect(alarm['reason']).toMatch(new RegExp(`seq jumps .* at offset ${end}`));

    const corrupt = await journal('verify', '--json');
    expect(corrupt.code).toBe(1);
    expect(JSON.parse(corrupt.out)).toMatchObject({ corruptions: [{ offset: end }], end_offset: end + 1 });
    const asked = await journal('repair');
    expect(asked.code).toBe(1);
    expect(asked.err).toContain('--yes');
    expect((await log.offsets(events)).end).toBe(end + 1);
    expect(await journal('repair', '--yes')).toMatchObject({ code: 0, err: '' });
    expect((await journal('verify')).code).toBe(0);
    expect((await journal('repair', '--yes')).out).toContain('nothing to repair');

    await dispatcher.hold();
    await dispatcher.start();
    await waitFor('leading');
    await tenant('after-repair');
    expect((await journal('verify')).code).toBe(0);
    expect(await dispatcher.stop()).toEqual({ code: 0, signal: null });
  });
});
