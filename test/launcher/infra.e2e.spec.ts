import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { Client } from 'pg';
import { startKafka, startPostgres } from '../../scripts/infra/index.mjs';
import { askMetadata } from '../../scripts/infra/kafka-wire.mjs';

/** Kafka and Postgres of their own, killed and started again on the same folder. */

let folder: string;
beforeAll(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fluxforge-infra-'));
  fs.chmodSync(folder, 0o711);
});
afterAll(() => fs.rmSync(folder, { recursive: true, force: true }));

async function ask(url: string, text: string): Promise<unknown[]> {
  const client = new Client({ connectionString: url });
  await client.connect();
  try {
    return (await client.query<Record<string, unknown>>(text)).rows;
  } finally {
    await client.end();
  }
}

describe('Postgres as a child process', () => {
  it('keeps its rows over a kill -9, on the same port and on another one', async () => {
    const dataDir = path.join(folder, 'postgres');
    const first = await startPostgres({ dataDir, database: 'one' });
    await ask(first.url, 'create table t as select 7 as n');
    await first.kill9();
    const second = await startPostgres({ dataDir, database: 'one', port: first.port });
    expect(second.port).toBe(first.port);
    expect(await ask(second.url, 'select n from t')).toEqual([{ n: 7 }]);
    await second.stop();
    const third = await startPostgres({ dataDir, database: 'two' });
    expect(await ask(third.urlOf('one'), 'select n from t')).toEqual([{ n: 7 }]);
    expect(await ask(third.url, 'select current_database() as name')).toEqual([{ name: 'two' }]);
    await third.stop();
  }, 90_000);

  it('says why it does not start, with the last lines of its log', async () => {
    const dataDir = path.join(folder, 'broken');
    const first = await startPostgres({ dataDir });
    await first.stop();
    fs.appendFileSync(path.join(dataDir, 'cluster', 'postgresql.conf'), '\nno_such_setting = 1\n');
    await expect(startPostgres({ dataDir })).rejects.toThrow(/ended with[^]*no_such_setting/);
  }, 60_000);
});

describe('Kafka as a child process', () => {
  it('starts again after a kill -9 and after a clean stop, and answers nobody while paused', async () => {
    const dataDir = path.join(folder, 'kafka');
    const first = await startKafka({ dataDir, heapMb: 256 });
    first.pause();
    expect(await askMetadata('127.0.0.1', first.port, 300)).toBeUndefined();
    first.resume();
    expect(await askMetadata('127.0.0.1', first.port, 5000)).toMatchObject({ controllerId: 1 });
    await first.kill9();
    const second = await startKafka({ dataDir, heapMb: 256, port: first.port });
    expect(second.brokers).toBe(first.brokers);
    await second.stop();
    expect(await second.exited).toMatchObject({ code: 143 });
    const third = await startKafka({ dataDir, heapMb: 256 });
    await third.stop();
  }, 120_000);

  it('refuses a port that is in use', async () => {
    const dataDir = path.join(folder, 'postgres-port');
    const holder = await startPostgres({ dataDir });
    await expect(startKafka({ dataDir: path.join(folder, 'kafka'), port: holder.port })).rejects.toThrow(
      /in use/,
    );
    await holder.stop();
  }, 60_000);
});
