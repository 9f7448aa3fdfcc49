import { join } from 'node:path';
import { drained, stopAndAudit } from './support/audit.js';
import { sharedInfra, type Infra } from './support/infra.js';
import { apps, KillLanes } from './support/kill-lanes.js';
import { Random } from './support/random.js';
import { TestSystem } from './support/system.js';
import { Witness } from './support/witness.js';
import { Workload } from './support/workload.js';

/**
 * Every app killed with SIGKILL again and again, in one system under a steady load, each at moments when it
 * has something in its hands. Then the system is left to heal, and everything that it recorded is held
 * against what was promised. The schedule is drawn from the seed and printed when something is wrong.
 */

const seed = Number(process.env['FLUXFORGE_E2E_SEED'] ?? 1);
const killsOfEach = 20;

jest.setTimeout(600_000);

let infra: Infra;
let system: TestSystem;

beforeAll(async () => {
  infra = await sharedInfra();
  const agents = [1, 2, 3].map((i) => ({ name: `agent-${i}`, labels: `role=files-${i}`, slots: 4 }));
  system = await TestSystem.start(infra, { agents, dispatchers: 2 });
});

afterAll(async () => {
  await system?.remove();
  await infra?.stop();
});

it(`loses nothing over ${killsOfEach} kills of each app (seed ${seed})`, async () => {
  const random = new Random(seed);
  const witness = new Witness(join(system.folder, 'witness'));
  const workload = new Workload(system, witness, random, {
    workers: 4,
    pauseMs: 900,
    maxTaskSeconds: 1.5,
    states: 3,
  });
  const lanes = new KillLanes(system, workload, random);
  try {
    await workload.start();
    await Promise.all(apps.map((app) => lanes.run(app, killsOfEach)));
    await workload.stop();
    await drained(system, workload.stateIds, 180_000);
    const { submitter, mustSucceed } = workload;
    const { submissions } = submitter;
    const { flaws, ends, claims, skipped } = await stopAndAudit(system, {
      submissions,
      witness,
      mustSucceed,
    });
    expect(flaws).toEqual([]);
    for (const app of apps) {
      expect([app, lanes.of(app).length]).toEqual([app, killsOfEach]);
      expect(lanes.openCount(app)).toBeGreaterThanOrEqual(killsOfEach / 2);
    }
    // The faults bit: there were takeovers, and outcomes that nobody heard.
    expect(claims).toBeGreaterThan(2 * killsOfEach);
    expect(submissions.flatMap((s) => s.tries).filter((t) => t.outcome === 'unknown').length).toBeGreaterThan(
      0,
    );
    expect(ends['succeeded']).toBeGreaterThan(100);
    expect(system.all.flatMap((one) => one.unasked.map((exit) => [one.name, exit]))).toEqual([]);
    if (process.env['FLUXFORGE_E2E_VERBOSE']) console.log(lanes.schedule(), ends, claims, skipped);
  } catch (error: unknown) {
    lanes.abandon();
    workload.abandon();
    throw new Error(`seed ${seed}; the kills were:\n${lanes.schedule()}\n${String(error)}`, { cause: error });
  }
});
