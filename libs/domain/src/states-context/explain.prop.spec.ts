import * as fc from 'fast-check';
import { type StateSpec } from '@fluxforge/events/catalogue';
import { defaultReconcilingPolicy, explainTarget, type TargetRemedy } from '@fluxforge/domain/reconciling';
import { World, acme } from './world.fixture.js';

/** Holds the explanation of a target to its word: each of what it says would help is done, and must have helped. */

const agents = ['a1', 'a2', 'a3', 'a4', 'a5'];
type Windows = NonNullable<StateSpec['windows']>;
const from = { time_zone: 'UTC', duration_ms: 3_600_000 };
const nights: Windows = [{ ...from, effect: 'allow', cron: '0 3 * * *' }];
const notAtMidnight: Windows = [{ ...from, effect: 'deny', cron: '0 0 * * *' }];
const agentId = fc.constantFrom(...agents);

const specs = fc.record(
  {
    mode: fc.constantFrom('enforce' as const, 'enforce' as const, 'check_only' as const),
    attempts: fc.integer({ min: 1, max: 2 }),
    max_concurrency: fc.constantFrom({ count: 1 }, { count: 2 }, { percent: 100 }),
    max_failures: fc.constantFrom({ count: 0 }, { count: 1 }, { percent: 100 }),
    windows: fc.constantFrom<Windows>([], [], [], nights, notAtMidnight),
  },
  { requiredKeys: ['mode', 'attempts', 'max_concurrency', 'max_failures'] },
);

const steps = fc.oneof(
  { weight: 8, arbitrary: fc.record({ do: fc.constant('drifted' as const), agentId }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('compliant', 'unknown'), agentId }) },
  { weight: 6, arbitrary: fc.record({ do: fc.constantFrom('failed', 'succeeded'), agentId }) },
  {
    weight: 2,
    arbitrary: fc.record({ do: fc.constantFrom('lose', 'find', 'drain', 'undrain', 'update'), agentId }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('suspend', 'resume'), agentId }) },
  { weight: 2, arbitrary: fc.record({ do: fc.constantFrom('second', 'minute'), agentId }) },
);
type Step = typeof steps extends fc.Arbitrary<infer T> ? T : never;

function result(world: World, agent: string, code: number): void {
  world.result({ exit_code: code }, agent);
}

function endApply(world: World, agent: string, end: 'succeeded' | 'failed'): void {
  const { stage } = world.target(agent);
  if (stage === 'requested') world.endTask(world.lastRequest(agent), end);
}

function run(world: World, spec: Partial<StateSpec>, { do: what, agentId: agent }: Step): void {
  switch (what) {
    case 'drifted':
    case 'compliant':
    case 'unknown':
      return result(world, agent, { compliant: 0, drifted: 1, unknown: 127 }[what]);
    case 'failed':
    case 'succeeded':
      return endApply(world, agent, what);
    case 'lose':
    case 'find':
      return world[what](agent);
    case 'drain':
    case 'undrain':
      return world.foreign('agent.drain-set', { agent_id: agent, drain: what === 'drain' });
    case 'suspend':
    case 'resume':
      world.command(`state.${what}`, { state_id: 's1' });
      return;
    case 'update':
      world.update('s1', { ...spec, priority: 1 });
      return;
    default:
      world.advance(what === 'second' ? 1_000 : 70_000);
  }
}

function built(spec: Partial<StateSpec>, history: readonly Step[]): World {
  const world = new World();
  for (const agent of agents) world.enrol(agent);
  world.declare('s1', spec);
  world.advance(1_000);
  for (const step of history) run(world, spec, step);
  return world;
}

function explain(world: World, agent: string) {
  const at = { tenantId: acme, stateId: 's1', agentId: agent };
  return explainTarget(world.state, at, world.nowMs, defaultReconcilingPolicy)!;
}

/** Somebody saw to it: what is in flight comes to its end, and the check says so. */
function finish(world: World, agent: string): void {
  if (world.target(agent).state.tenant.agents.get(agent)?.standing !== 'found') world.find(agent);
  endApply(world, agent, 'succeeded');
  result(world, agent, 0);
}

/** Then all are checked anew, this one last: they find what they found before. */
function change(world: World, agent: string, spec: StateSpec): void {
  const others = [...world.target(agent).state.targets.values()].filter(({ agentId }) => agentId !== agent);
  const found = others.map((one) => [one.agentId, one.finding === 'compliant' && !one.obscured] as const);
  world.update('s1', spec);
  for (const [other, isCompliant] of found) result(world, other, isCompliant ? 0 : 1);
  result(world, agent, 1);
}

function heed(world: World, agent: string, remedy: TargetRemedy): void {
  const { spec } = world.target(agent).state;
  switch (remedy.kind) {
    case 'wait-until':
      // Checks go unanswered meanwhile, as they do in no world with agents: what that does is not waited for.
      world.nowMs = Math.max(world.nowMs, remedy.atMs);
      world.settle();
      return;
    case 'await-check':
      return result(world, agent, 1);
    case 'end-task': {
      const request = world
        .ofType('remediation.requested')
        .find(({ data }) => data.task_id === remedy.taskId)!;
      return world.endTask(request.data, 'failed');
    }
    case 'resume-state':
      world.command('state.resume', { state_id: 's1' });
      return;
    case 'connect-agent':
      return world.find(remedy.agentId);
    case 'undrain-agent':
      return world.foreign('agent.drain-set', { agent_id: remedy.agentId, drain: false });
    case 'finish-applies':
    case 'mend-agents':
      for (const one of remedy.agentIds) finish(world, one);
      return;
    case 'change-state':
      return change(world, agent, { ...spec, ...remedy.change } as StateSpec);
    case 'enforce-state':
      return change(world, agent, { ...spec, mode: remedy.mode, apply_cmd: 'touch /etc/motd' });
    case 'none-needed':
  }
}

/** What no remedy is needed for: it is well, or the next pass goes on. */
const fine = ['compliant', 'drifted'];

function heldToItsWord(numRuns: number, seed?: number): Set<string> {
  const seen = new Set<string>();
  fc.assert(
    fc.property(specs, fc.array(steps, { minLength: 3, maxLength: 40 }), agentId, (spec, history, agent) => {
      const before = explain(built(spec, history), agent);
      expect(before.remedies).not.toEqual([]);
      for (const remedy of before.remedies) {
        seen.add(`${before.reason}: ${remedy.kind}`);
        if (remedy.kind === 'none-needed') {
          expect(fine).toContain(before.reason);
          continue;
        }
        const trial = built(spec, history);
        const { requests } = trial.target(agent);
        heed(trial, agent, remedy);
        const after = explain(trial, agent);
        // Else the next apply is under way, and that is in flight as well.
        if (trial.target(agent).requests <= requests)
          expect([after.reason, remedy, before]).not.toEqual([before.reason, remedy, before]);
      }
    }),
    { numRuns, ...(seed !== undefined && { seed }) },
  );
  return seen;
}

describe('the explanation of a target', () => {
  it('is held to its word', () => {
    heldToItsWord(150);
  });

  it('is held to its word about each of the rules that a world can show', () => {
    // A seed of its own: what the drawing reaches must not depend on the day.
    const seen = heldToItsWord(1_500, 3);
    for (const one of [
      'in_flight: end-task',
      'in_flight: wait-until',
      'withdrawn: end-task',
      'withdrawn: wait-until',
      'backoff: wait-until',
      'change_window_closed: wait-until',
      'change_window_denied: change-state',
      'verifying: await-check',
      'not_checked: await-check',
      'check_unknown: await-check',
      'state_suspended: resume-state',
      'agent_lost: connect-agent',
      'agent_draining: undrain-agent',
      'check_only: enforce-state',
      'check_only: mend-agents',
      'attempts_used_up: mend-agents',
      'attempts_used_up: change-state',
      'max_failures: mend-agents',
      'max_failures: change-state',
      'max_concurrency: finish-applies',
      'max_concurrency: change-state',
    ]) {
      expect([...seen]).toContain(one);
    }
  });
});
