import { makeStatesContext } from '@fluxforge/domain/states-context';
import { makeTasksContext, defaultTasksPolicy } from '@fluxforge/domain/tasks-context';
import { type EventBody } from '@fluxforge/events/catalogue';
import { type StoredRecord } from '@fluxforge/events/log';
import { type HostContext, type Snapshot } from '@fluxforge/events/partition-host';
import { Scribe, writeAgent, writeHealedState, writeTask } from '@fluxforge/testing/history';
import { PartitionFold } from './partition-fold.js';
import { decodeSnapshot, encodeSnapshot } from './stored-snapshot.js';

type AnyContext = HostContext<unknown, unknown, unknown, EventBody, EventBody>;

function foldOf(
  context: AnyContext,
  records: readonly StoredRecord[],
  from: Snapshot | null,
): Snapshot | null {
  const fold = new PartitionFold(context, 0, from);
  const next = records.at(-1)?.offset ?? -1;
  fold.feedOwn({ records, next: next + 1, end: next + 1 });
  return fold.snapshot();
}

/** What is stored and read back is what was made. */
function stored(snapshot: Snapshot | null): Snapshot | null {
  if (!snapshot) return null;
  const { manifest, payload } = encodeSnapshot(snapshot, 'x');
  return decodeSnapshot(manifest, payload);
}

function tasksHistory(): readonly StoredRecord[] {
  const scribe = new Scribe('tasks');
  for (let i = 0; i < 3; i += 1) writeAgent(scribe, `a${i}`);
  for (let i = 0; i < 10; i += 1) writeTask(scribe, `k${i}`, `a${i % 3}`);
  scribe.claim('another');
  for (let i = 10; i < 20; i += 1) writeTask(scribe, `k${i}`, `a${i % 3}`);
  return scribe.stored();
}

function statesHistory(): readonly StoredRecord[] {
  const scribe = new Scribe('states');
  for (let i = 0; i < 5; i += 1) writeHealedState(scribe, `s${i}`, ['a0', 'a1']);
  scribe.claim('another');
  for (let i = 5; i < 9; i += 1) writeHealedState(scribe, `s${i}`, ['a1', 'a2']);
  return scribe.stored();
}

describe.each([
  ['tasks', makeTasksContext(defaultTasksPolicy) as unknown as AnyContext, tasksHistory()],
  ['states', makeStatesContext() as unknown as AnyContext, statesHistory()],
])('the fold of the %s context', (_name, context, records) => {
  const whole = foldOf(context, records, null);

  it('gives byte for byte the same from a snapshot of any place and the tail', () => {
    expect(whole?.position.next).toBe(records.length);
    for (let cut = 0; cut <= records.length; cut += 1) {
      const before = stored(foldOf(context, records.slice(0, cut), null));
      const from = before?.position.next ?? 0;
      expect(foldOf(context, records.slice(from), before)).toEqual(whole);
    }
  });

  it('goes on by itself behind each snapshot that it gives', () => {
    const fold = new PartitionFold(context, 0, null);
    for (const record of records) {
      fold.feedOwn({ records: [record], next: record.offset + 1, end: records.length });
      fold.snapshot();
    }
    expect(fold.snapshot()).toEqual(whole);
  });
});
