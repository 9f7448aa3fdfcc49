import { systemTenant, type Mode } from '@fluxforge/events/catalogue';
import { type AgentMessage } from '@fluxforge/domain/agent';
import { decided } from '@fluxforge/domain/kernel';
import { type Remedy } from './explanation.js';
import { command, connected, fact, heartbeat, message, result, type World } from './scenario.fixture.js';

/** Does in a world what a remedy names. */

let added = 0;

export function heed(world: World, remedy: Remedy): void {
  const realm = world.state.realms.get('t')!;
  switch (remedy.kind) {
    case 'wait-until':
      world.nowMs = remedy.atMs;
      for (const { id, session } of realm.agents.values()) {
        const answer = heartbeat(id, world.nowMs, inventory(world, id));
        if (!session) continue;
        world.context.observe(
          world.state,
          { ...answer, stopping: session.stopping } as AgentMessage,
          world.nowMs,
        );
      }
      world.settle();
      return;
    case 'raise-limit':
      world.input(
        command('tenant.set-limits', { limits: { ...realm.tenant.limits, [remedy.limit]: remedy.to } }),
      );
      return;
    case 'end-tasks':
      // All of them, before anything else is decided: else what is smaller takes each place that comes free.
      for (const id of remedy.taskIds) end(world, id);
      world.settle();
      return;
    case 'add-agents':
      if (remedy.maxAgents !== null) {
        const raised = { ...realm.tenant.limits, max_agents: remedy.maxAgents };
        world.input(command('tenant.set-limits', { limits: raised }));
      }
      for (let i = 0; i < remedy.count; i++) {
        const id = `new-${added++}`;
        const { labels, slots, executor, capacity } = remedy;
        if (realm.agents.size >= realm.tenant.limits.max_agents) throw new Error(`${id} would be refused`);
        world.given(fact.agent(id, { labels, slots, capacity, executors: [executor] }));
        world.say(connected(id, { labels, slots, capacity, executors: [executor] }));
      }
      return;
    case 'raise-slots': {
      const { labels, executors, capacity } = realm.agents.get(remedy.agentId)!;
      world.say(
        connected(remedy.agentId, {
          labels,
          executors,
          ...(capacity && { capacity }),
          slots: remedy.to,
          inventory: inventory(world, remedy.agentId),
        }),
      );
      return;
    }
    case 'relabel-agent': {
      const { slots, executors, capacity } = realm.agents.get(remedy.agentId)!;
      const all = [...new Set([...executors, remedy.executor])];
      world.say(
        connected(remedy.agentId, {
          labels: remedy.labels,
          slots,
          ...(capacity && { capacity }),
          executors: all,
          inventory: inventory(world, remedy.agentId),
        }),
      );
      return;
    }
    case 'connect-agent': {
      const { labels, slots, executors, capacity } = realm.agents.get(remedy.agentId)!;
      world.say(
        connected(remedy.agentId, {
          labels,
          slots,
          ...(capacity && { capacity }),
          executors,
          inventory: inventory(world, remedy.agentId),
        }),
      );
      return;
    }
    case 'undrain-agent':
      world.input(command('agent.drain', { agent_id: remedy.agentId, drain: false }));
      return;
    case 'release-brake':
      world.input(command('tenant.release-brake', {}));
      return;
    case 'reset-breakers':
      for (const { scope, name } of remedy.breakers) {
        if (scope === 'agent') world.input(command('agent.reset-breaker', { agent_id: name }));
        else world.input(command('domain.reset-breaker', { domain: name }));
      }
      return;
    case 'set-mode':
      for (const scope of remedy.scopes) setMode(world, scope, 'normal');
      return;
    case 'none-needed':
    case 'submit-otherwise':
      return;
  }
}

export function setMode(world: World, scope: 'tenant' | 'cluster', mode: Mode): void {
  if (scope === 'tenant') world.input(command('tenant.set-mode', { mode }));
  else world.input(command('cluster.set-mode', { mode }, systemTenant));
}

function inventory(world: World, agentId: string) {
  const realm = world.state.realms.get('t')!;
  return [...realm.agents.get(agentId)!.leases].map((id) => {
    const task = realm.tasks.get(id)!;
    return { taskId: id, life: task.life, attempt: task.attemptsUsed, finished: false };
  });
}

export function end(world: World, id: string): void {
  const task = world.state.realms.get('t')!.tasks.get(id);
  if (!task) return;
  const exited = { outcome: 'exited', exit_code: 0 } as const;
  const input = task.lease
    ? message(result(id, task.lease.agentId, exited, task.lease.attempt))
    : command('task.cancel', { task_id: id });
  world.given(...world.context.decide(world.state, input, world.nowMs));
}

export function trip(world: World, scope: 'agent' | 'domain', name: string, forMs = 30_000): void {
  const { breakers } = world.state.realms.get('t')!;
  breakers.of(scope, name, () => world.state.nextOrder++);
  const data = { scope, name, reason: 'failures_in_a_row' as const, failures: 5 };
  world.given(decided('breaker.opened', 't', name, { ...data, until_ms: world.nowMs + forMs }));
}
