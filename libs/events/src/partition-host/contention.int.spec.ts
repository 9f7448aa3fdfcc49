import { randomUUID } from 'node:crypto';
import { type JournalEventBody, type StatesEventBody } from '../catalogue/index.js';
import { encodeCommand, header } from '../envelope/index.js';
import { JournalReader, startOfLog } from '../journal/index.js';
import { createKafkaLog } from '../kafka/index.js';
import { type LogPort } from '../log/index.js';
import { eventually } from '../log-features/index.js';
import { topicsOf, topicSpecs } from '../topics/index.js';
import { type HostContext, HostGroup, type RunnerEvents, steadyClock } from './index.js';

jest.setTimeout(120_000);

const brokers = process.env['FLUXFORGE_TEST_KAFKA_BROKERS'];
if (!brokers)
  throw new Error('FLUXFORGE_TEST_KAFKA_BROKERS must name a Kafka broker (host:port); npm test sets it');
const partition = 0;

interface Seen {
  readonly commands: string[];
}

/** The smallest context there is: it answers every command, and remembers which it has answered. */
function answering(): HostContext<Seen, never, never, JournalEventBody, StatesEventBody> {
  return {
    name: 'tasks',
    initial: () => ({ commands: [] }),
    evolve: (state, fact) => {
      if (fact.type === 'command.accepted') state.commands.push(fact.data.command_id);
    },
    evolveForeign: () => undefined,
    observe: () => undefined,
    decide: (_state, input) =>
      input.kind === 'command'
        ? [
            {
              type: 'command.accepted',
              tenantId: 't',
              subject: input.command.id,
              data: { command_id: input.command.id },
            },
          ]
        : [],
    plan: () => [],
    wakeAtMs: () => null,
    effects: () => [],
    pulse: () => [],
    resume: () => [],
    serialize: (state) => JSON.stringify(state),
    deserialize: (text) => JSON.parse(text) as Seen,
  };
}

function silent(onFallen: () => void): RunnerEvents<never> {
  const nothing = (): void => undefined;
  return {
    onEffects: nothing,
    onSettled: nothing,
    onLeading: nothing,
    onDeciding: nothing,
    onFallen,
    onStopped: (_p, reason) => {
      throw new Error(`stopped: ${reason}`);
    },
    onCommit: nothing,
    onDeadLetter: nothing,
    onPlaced: nothing,
  };
}

/** All accepted events of the partition, judged by the reader's rule. */
async function acceptedCommands(
  log: LogPort,
  topic: string,
): Promise<{ ids: string[]; claims: number; skipped: number }> {
  const reader = new JournalReader(startOfLog);
  const found = { ids: [] as string[], claims: 0, skipped: 0 };
  for (;;) {
    const batch = await log.read({ topic, partition }, reader.position.next, {
      maxBytes: 1 << 20,
      timeoutMs: 5000,
    });
    for (const record of batch.records) {
      const verdict = reader.read(record);
      if (verdict.kind === 'corrupt') throw new Error(verdict.message);
      if (verdict.kind === 'claim') found.claims += 1;
      if (verdict.kind === 'skipped') found.skipped += 1;
      const id = record.headers[header.command];
      if (verdict.kind === 'accepted' && id) found.ids.push(id);
    }
    reader.passTo(batch.next);
    if (batch.next >= batch.end) return found;
  }
}

describe('two owners on one partition of a real broker', () => {
  it('answer every command exactly once, in order, while each thinks that the partition is its own', async () => {
    const prefix = `contention-${randomUUID().slice(0, 8)}`;
    const topics = topicsOf(prefix);
    const log = createKafkaLog({ brokers: [brokers], clientId: 'contention-test' });
    await log.ensureTopics(topicSpecs(prefix, { partitions: 1, replication: 1, minInsyncReplicas: 1 }));
    let falls = 0;
    const logs = [0, 1].map((n) => createKafkaLog({ brokers: [brokers], clientId: `owner-${n}` }));
    const groups = logs.map((own, n) => {
      const options = {
        context: 'tasks' as const,
        topicPrefix: prefix,
        // Two groups: neither hears from the coordinator that the other holds the partition as well.
        groupSuffix: `-${n}`,
        partitions: 1,
        epoch: 1,
        address: `owner-${n}`,
        sessionTimeoutMs: 6000,
        heartbeatIntervalMs: 200,
        rebalanceTimeoutMs: 6000,
        tickMs: 10,
        nowMs: steadyClock(),
        loadSnapshot: async () => null,
        events: silent(() => (falls += 1)),
      };
      return new HostGroup(own, options, answering);
    });
    try {
      await Promise.all(groups.map((group) => group.start()));
      const ids: string[] = [];
      for (let i = 0; i < 300; i++) {
        const id = `cmd-${String(i).padStart(4, '0')}`;
        const provenance = {
          actor: 'test',
          reason: null,
          causationId: id,
          correlationId: id,
          traceparent: null,
        };
        const command = {
          type: 'task.cancel' as const,
          data: { task_id: 'x' },
          id,
          tenantId: 't',
          provenance,
        };
        await log.append({ topic: topics.commands.tasks, partition }, [encodeCommand(command, Date.now())], {
          timeoutMs: 5000,
          concurrent: true,
        });
        ids.push(id);
        // Spread over the time that it takes the two to wrest the partition from one another a few times.
        if (i % 10 === 9) await new Promise((resolve) => setTimeout(resolve, 100));
      }
      await eventually(
        'every command is answered',
        async () => (await acceptedCommands(log, topics.events.tasks)).ids.length >= ids.length,
        60_000,
      );
      const found = await acceptedCommands(log, topics.events.tasks);
      expect(found.ids).toEqual(ids);
      expect(found.claims).toBeGreaterThan(2);
      expect(falls).toBeGreaterThan(0);
    } finally {
      await Promise.all(groups.map((group) => group.close()));
      await Promise.all([log, ...logs].map((one) => one.close()));
    }
  });
});
