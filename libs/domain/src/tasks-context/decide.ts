import {
  type Command,
  type CommandBody,
  type ContextInput,
  type Decided,
  type Fact,
  type JournalEventBody,
  type StatesEventBody,
  type TasksCommandBody,
  type TasksEventBody,
} from '@fluxforge/events/catalogue';
import { decideAgent, decideAnswered, decideConnected, type AgentMessage } from '@fluxforge/domain/agent';
import { decideRelease } from '@fluxforge/domain/brake';
import { decideReset } from '@fluxforge/domain/breakers';
import { decideFanout } from '@fluxforge/domain/fanout';
import { decideClusterMode, decideTenantMode } from '@fluxforge/domain/modes';
import { rejected } from '@fluxforge/domain/kernel';
import { compareInventory, decideNotHeld, decideResult, decideStarted } from '@fluxforge/domain/leases';
import {
  decideCancel,
  decideRemediation,
  decideSubmit,
  decideWithdrawn,
  type Admission,
  type TenantAdmission,
} from '@fluxforge/domain/task';
import { decideSchedule } from '@fluxforge/domain/schedules';
import { decideTenant, maxDeclaredBytes, maxQueuedBytes } from '@fluxforge/domain/tenant';
import { isWithinRate } from './charging.js';
import { modeOf, modeScopeOf } from './holds.js';
import { type TasksMessage } from './observe.js';
import { type TasksPolicy } from './policy.js';
import { runsOn } from './runs.js';
import { agentOf, taskOf, type Realm, type TasksState } from './state.js';

export type Own = TasksEventBody | JournalEventBody;
type Answer = Decided<Own>[];
type Connected = Extract<AgentMessage, { kind: 'connected' }>;

export function decide(
  state: TasksState,
  policy: TasksPolicy,
  input: ContextInput<TasksMessage, StatesEventBody>,
  nowMs: number,
): Answer {
  switch (input.kind) {
    case 'command':
      return decideCommand(state, policy, input.command, nowMs);
    case 'foreign':
      return decideForeign(state, policy, input.fact, nowMs);
    case 'message':
      return decideMessage(state, input.message, nowMs);
  }
}

function decideCommand(
  state: TasksState,
  policy: TasksPolicy,
  anyCommand: Command<CommandBody>,
  nowMs: number,
): Answer {
  const command = anyCommand as Command<TasksCommandBody>;
  const realm = state.realms.get(command.tenantId);
  switch (command.type) {
    case 'tenant.create':
    case 'tenant.set-limits':
    case 'tenant.add-key':
    case 'tenant.revoke-key':
    case 'join-token.create':
      return decideTenant(realm?.tenant, command, nowMs, policy.defaultLimits);
    case 'tenant.set-mode':
      return decideTenantMode(realm?.tenant.mode, command);
    case 'cluster.set-mode':
      return decideClusterMode(state.cluster.modes, command);
    case 'agent.enrol':
    case 'agent.drain':
    case 'agent.remove':
      return decideAgent(realm, command, nowMs);
    case 'tenant.release-brake':
      return decideRelease(realm?.brake, command);
    case 'agent.reset-breaker':
      if (!realm?.agents.has(command.data.agent_id))
        return [rejected(command, 'not_found', 'There is no such agent.')];
      return decideReset(realm.breakers, command);
    case 'domain.reset-breaker':
      return decideReset(realm?.breakers, command);
    case 'schedule.create':
    case 'schedule.update':
    case 'schedule.suspend':
    case 'schedule.delete': {
      // Never before the latest fact: what was due and dealt with must not come again with a slower clock.
      const atMs = Math.max(nowMs, state.lastFactMs);
      const limits = {
        maxSchedules: policy.maxSchedules,
        maxBytes: maxDeclaredBytes(realm?.tenant.limits ?? null, policy.defaultLimits),
        withinRate: isWithinRate(realm, nowMs),
      };
      return decideSchedule(realm?.scheduling, command, atMs, limits);
    }
    case 'fanout.start':
    case 'fanout.retry':
    case 'fanout.cancel':
      // The map holds agents in the order of their enrolment.
      return decideFanout(realm?.fanouts, realm?.agents.values() ?? [], command, policy.fanouts, {
        withinRate: isWithinRate(realm, nowMs),
        keys: state.keys,
        nowMs,
      });
    case 'task.submit':
      return decideSubmit(admission(state, policy, command.tenantId, command.data.task_id), command, nowMs);
    case 'task.cancel': {
      const id = command.data.task_id;
      return decideCancel(realm?.tasks.get(id), realm?.ended.get(id), command);
    }
    default:
      // A command of the other context, or of a later version: it still gets an answer.
      return [rejected(anyCommand, 'invalid', 'This command is not known here.')];
  }
}

function admission(state: TasksState, policy: TasksPolicy, tenantId: string, taskId: string): Admission {
  const realm = state.realms.get(tenantId);
  return {
    tenant: realm ? tenantAdmission(realm, policy) : null,
    live: realm?.tasks.get(taskId),
    ended: realm?.ended.get(taskId),
    keys: state.keys,
  };
}

/** What a new task of this tenant is held against, whoever makes it. */
export function tenantAdmission(realm: Realm, policy: TasksPolicy): TenantAdmission {
  const { tenant, queuedTasks, queuedBytes, submissions, concurrency } = realm;
  return {
    createdAtMs: tenant.createdAtMs,
    limits: tenant.limits,
    mode: modeOf(realm),
    modeScope: () => modeScopeOf(realm),
    queuedTasks,
    queuedBytes,
    maxQueuedBytes: maxQueuedBytes(tenant.limits, policy.defaultLimits),
    submissions,
    hasAgent: (agentId) => realm.agents.has(agentId),
    dropsNew: (key) => concurrency.dropsNew(key),
    superseded: (key) => concurrency.superseded(key, policy.supersededAtOnce),
  };
}

function decideForeign(
  state: TasksState,
  policy: TasksPolicy,
  fact: Fact<StatesEventBody>,
  nowMs: number,
): Answer {
  if (fact.type === 'remediation.requested') {
    const view = admission(state, policy, fact.tenantId, fact.data.task_id);
    return decideRemediation(view, fact, policy.remediation, nowMs);
  }
  if (fact.type === 'remediation.withdrawn') {
    return decideWithdrawn(taskOf(state, fact.tenantId, fact.data.task_id));
  }
  return [];
}

function decideMessage(state: TasksState, message: TasksMessage, nowMs: number): Answer {
  switch (message.kind) {
    case 'connected':
      return connected(state, message, nowMs);
    case 'disconnected':
    case 'pressure':
      return [];
    case 'heartbeat': {
      const agent = agentOf(state, message.tenantId, message.agentId);
      return agent?.session?.id === message.sessionId ? decideAnswered(agent) : [];
    }
    case 'started':
      return decideStarted(taskOf(state, message.tenantId, message.taskId), message);
    case 'result': {
      const realm = state.realms.get(message.tenantId);
      if (!realm) return [];
      const id = message.taskId;
      return decideResult(realm.tasks.get(id), realm.ended.get(id), message, nowMs);
    }
    case 'not-held': {
      const task = taskOf(state, message.tenantId, message.taskId);
      return decideNotHeld(task, message, message.agentId, nowMs);
    }
  }
}

/** Leases that were to stop, and that the agent turns out not to have, end here: it has nothing to report. */
function connected(state: TasksState, message: Connected, nowMs: number): Answer {
  const realm = state.realms.get(message.tenantId);
  const agent = realm?.agents.get(message.agentId);
  if (!realm || !agent) return [];
  const given = runsOn(realm, agent);
  const { missing } = compareInventory(agent.id, given, message.inventory, (id) => realm.tasks.get(id));
  const over = missing.flatMap((task) => {
    const ref = { taskId: task.id, life: task.life, attempt: task.attemptsUsed };
    return decideNotHeld(task, ref, agent.id, nowMs);
  });
  return [...decideConnected(agent, message), ...over];
}
