import { join } from 'node:path';
import { drained, stopAndAudit } from './support/audit.js';
import { staleReportFlaws } from './support/checks.js';
import { eventually } from './support/eventually.js';
import { sharedInfra, type Infra } from './support/infra.js';
import { OwnerTroubles } from './support/owner-troubles.js';
import { Random } from './support/random.js';
import { TestSystem } from './support/system.js';
import { Witness } from './support/witness.js';
import { Workload } from './support/workload.js';

/**
 * Two dispatchers and two reconcilers under a steady load: killed, paused until long after every lease has run
 * out, and restarted one after another. Partitions follow, agents follow their partition, and what the logs
 * hold at the end is held against what was promised: every accepted task has one end, no task had two leases
 * at once, and whoever reported too late is on record.
 */

const seed = Number(process.env['FLUXFORGE_E2E_SEED'] ?? 1);
/** A lease, the margin that its owner waits, and some. */
const beyondTheLeaseMs = 22_000;
const agents = [1, 2, 3].map((i) => ({ name: `agent-${i}`, labels: `role=files-${i}`, slots: 4 }));

jest.setTimeout(480_000);

let infra: Infra;
let system: TestSystem;

beforeAll(async () => {
  infra = await sharedInfra();
  system = await TestSystem.start(infra, { agents, dispatchers: 2, reconcilers: 2 });
});

afterAll(async () => {
  for (const one of system?.all ?? []) one.resume();
  await system?.remove();
  await infra?.stop();
});

it(`owners come and go, and nothing is lost or leased twice (seed ${seed})`, async () => {
  const random = new Random(seed);
  const witness = new Witness(join(system.folder, 'witness'));
  const workload = new Workload(system, witness, random, {
    workers: 4,
    pauseMs: 900,
    maxTaskSeconds: 1.5,
    states: 3,
  });
  const troubles = new OwnerTroubles(system, random);
  try {
    await troubles.balanced();
    await workload.start();
    for (const context of ['tasks', 'states', 'tasks'] as const) await troubles.crash(context);
    await everyAgentWorks(workload, witness);
    await troubles.pauseLeaders(beyondTheLeaseMs);
    await everyAgentWorks(workload, witness);
    await Promise.all([
      troubles.rollingRestart('states'),
      reportsTooLate(workload, witness, troubles),
      goesWhereItIsTold(troubles),
    ]);
    await everyAgentWorks(workload, witness);
    await workload.stop();
    await drained(system, workload.stateIds, 120_000);
    const { submitter, mustSucceed } = workload;
    const moves = movesOf();
    const audit = await stopAndAudit(system, {
      submissions: submitter.submissions,
      witness,
      mustSucceed,
    });
    expect([...audit.flaws, ...staleReportFlaws(witness.read(), audit.events, instances())]).toEqual([]);
    expect(audit.ends['succeeded']).toBeGreaterThan(60);
    expect(audit.events.filter((e) => e.type === 'task.report-ignored').length).toBeGreaterThan(0);
    expect(moves).toBeGreaterThan(0);
    expect(system.all.flatMap((one) => one.unasked.map((exit) => [one.name, exit]))).toEqual([]);
    if (process.env['FLUXFORGE_E2E_VERBOSE'])
      console.log(troubles.history.join('\n'), audit.ends, audit.claims, audit.skipped, { moves });
  } catch (error: unknown) {
    workload.abandon();
    throw new Error(`seed ${seed}; what befell them:\n${troubles.history.join('\n')}\n${String(error)}`, {
      cause: error,
    });
  }
});

const body = (witness: Witness, labels: string, seconds: number) => ({
  command: witness.command(seconds),
  selector: labels,
  env: system.mark,
  max_attempts: 20,
  backoff: { base: '200ms', max: '1s' },
});

/** Each is where it can be reached: a task that only it can run comes to its end. */
async function everyAgentWorks(workload: Workload, witness: Witness): Promise<void> {
  const asked = await Promise.all(
    agents.map(({ labels }) => submitted(workload, body(witness, labels, 0.1))),
  );
  for (const id of asked)
    await eventually(
      `task ${id} succeeds`,
      () => system.journal.end(id)?.data['end'] === 'succeeded',
      60_000,
    );
}

async function submitted({ submitter }: Workload, task: object): Promise<string> {
  const submission = submitter.begin(true);
  await submitter.insist(submission, task, async () => true);
  return String(submission.taskIds[0]);
}

/** An agent that stands still until its lease has run out, and reports what it did nevertheless. */
async function reportsTooLate(workload: Workload, witness: Witness, troubles: OwnerTroubles): Promise<void> {
  const [{ name, labels }] = agents as [(typeof agents)[number]];
  const id = await submitted(workload, body(witness, labels, 3));
  const started = await eventually(`${id} runs`, () => system.journal.find('task.started', { task_id: id }));
  const { attempt } = started.data;
  const agent = system.agent(name);
  agent.pause();
  troubles.say(`pause ${name}`);
  try {
    await eventually(
      `the lease of ${id} runs out`,
      () => system.journal.find('task.attempt-ended', { task_id: id, attempt, outcome: 'lease_expired' }),
      90_000,
    );
  } finally {
    agent.resume();
  }
  troubles.say(`${name} goes on`);
  await eventually(
    `the late report of ${id} is on record`,
    () => system.journal.find('task.report-ignored', { task_id: id, attempt }),
    60_000,
  );
}

/** An agent that was away while its partition moved dials where it was last, and is sent on. */
async function goesWhereItIsTold(troubles: OwnerTroubles): Promise<void> {
  const away = system.agent('agent-3');
  troubles.say('agent-3 is away');
  await away.hold();
  await troubles.rollingRestart('tasks');
  await away.start();
  troubles.say('agent-3 is back');
}

/** How often agents were told to go elsewhere, and where that is. */
function movesOf(): number {
  return agents.reduce((sum, { name }) => {
    const said = system.agent(name).everything();
    return sum + said.filter((line) => line['kind'] === 'moved' && line['address'] !== '').length;
  }, 0);
}

function instances(): ReadonlyMap<string, string> {
  return new Map(
    agents.map(({ name }) => {
      const { agentId, instance } = system.identity(name);
      return [agentId, instance] as const;
    }),
  );
}
