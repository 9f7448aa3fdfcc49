import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import {
  journalEvents,
  statesCommands,
  statesEvents,
  tasksCommands,
  tasksEvents,
} from '../catalogue/index.js';
import { recordHash } from '../journal/index.js';
import { type StoredRecord } from '../log/index.js';
import { currentVersion, decodeCommand, decodeEvent, header, parseVersionedType } from './index.js';

/**
 * Records as they were written once. They are only ever added to: whatever has been in a log must be read
 * for ever, by today's code.
 */
const folder = join(process.cwd(), 'libs/events/fixtures');
const files = readdirSync(folder);

interface Fixture {
  readonly topic: string;
  readonly key: string;
  readonly headers: Record<string, string>;
  readonly value: unknown;
}

function fixture(file: string): { topic: string; record: StoredRecord; value: unknown } {
  const { topic, key, headers, value } = JSON.parse(readFileSync(join(folder, file), 'utf8')) as Fixture;
  const record = { key, headers, value: Buffer.from(JSON.stringify(value)), offset: 0, timestampMs: 0 };
  return { topic, record, value };
}

describe('records of the past', () => {
  it.each(files)('%s is read, as what it was', (file) => {
    const { topic, record, value } = fixture(file);
    const named = parseVersionedType(file.replace('.json', ''));
    const read = topic.endsWith('.commands') ? decodeCommand(record) : decodeEvent(record).fact;
    expect(read.type).toBe(named?.type);
    // Upcasters may add to what an older version said; a record of today's version is read to the letter.
    if (named?.version === currentVersion(named?.type ?? '')) expect(read.data).toEqual(value);
    expect(read.tenantId).toBe(record.headers[header.tenant]);
  });

  it('may say less than all: a change of limits is one form of the command, and both at once is none', () => {
    const { record } = fixture('tenant.set-limits.v1.json');
    const read = (data: object) => decodeCommand({ ...record, value: Buffer.from(JSON.stringify(data)) });
    const change = { set: { weight: 2 }, unset: ['submissions_per_s'] };
    expect(read({ change, only_lower: true }).data).toEqual({ change, only_lower: true });
    const limits = { max_queued_tasks: 1, max_agents: 1, max_states: 1 };
    for (const flawed of [
      {},
      { change, limits },
      { limits, only_lower: true },
      { change: { set: { weight: 0 }, unset: [] } },
      { change: { set: { weight: 1.5 }, unset: [] } },
      { change: { set: { max_everything: 1 }, unset: [] } },
      { change: { set: {}, unset: ['max_agents'] } },
    ]) {
      expect(() => read(flawed)).toThrow();
    }
  });

  it('are there for every type and version of the catalogue', () => {
    const types = Object.keys({
      ...tasksEvents,
      ...statesEvents,
      ...journalEvents,
      ...tasksCommands,
      ...statesCommands,
    });
    const wanted = types.flatMap((type) =>
      Array.from({ length: currentVersion(type) }, (_, i) => `${type}.v${i + 1}.json`),
    );
    expect(wanted.filter((file) => !files.includes(file))).toEqual([]);
  });

  it('hash to what they have always hashed to: another result would break every chain there is', () => {
    const { record } = fixture('task.leased.v1.json');
    expect(recordHash(record)).toMatchInlineSnapshot(`"7IrlEDfrsEB_6uaPQJpOPfc5fPSDlGXoFRuFkM8Qsrc"`);
    expect(
      recordHash({ ...record, headers: { ...record.headers, [header.actor]: 'somebody else' } }),
    ).not.toBe(recordHash(record));
  });
});
