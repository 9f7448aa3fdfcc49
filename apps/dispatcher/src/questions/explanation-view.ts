import { type Explanation, type Queued, type Remedy } from '@fluxforge/domain/tasks-context';
import { explanationSentence } from './explanation-sentence.js';

/** As users see it: their field names, times as text. */
export function explanationView(explanation: Explanation) {
  switch (explanation.phase) {
    case 'unknown':
      return null;
    case 'ended': {
      const { phase, end, reason, endedAtMs, attemptsUsed } = explanation;
      const message = explanationSentence(explanation);
      return { phase, message, end, reason, ended_at: time(endedAtMs), attempts_used: attemptsUsed };
    }
    case 'leased':
      return {
        phase: explanation.phase,
        message: explanationSentence(explanation),
        agent_id: explanation.agentId,
        attempt: explanation.attempt,
        leased_at: time(explanation.leasedAtMs),
        started_at: explanation.startedAtMs === null ? null : time(explanation.startedAtMs),
        cancel_requested: explanation.cancelRequested,
        move_requested: explanation.moveRequested,
      };
    case 'queued':
      return queuedView(explanation);
  }
}

function queuedView(queued: Queued) {
  const { candidates, untilMs, endsUnstartedAtMs, kept } = queued;
  return {
    phase: queued.phase,
    rule: queued.rule,
    message: explanationSentence(queued),
    until: untilMs === null ? null : time(untilMs),
    used: queued.used,
    limit: queued.limit,
    limit_name: queued.limitName,
    held_by: queued.heldBy,
    held_by_more: queued.heldByMore,
    position: queued.position,
    effective_priority: queued.effectivePriority,
    weight: queued.weight,
    weights: queued.weights,
    ends_unstarted_at: endsUnstartedAtMs === null ? null : time(endsUnstartedAtMs),
    candidates: {
      known: candidates.known,
      by_reason: candidates.byReason,
      agents: candidates.agents.map(({ agentId, reason }) => ({ agent_id: agentId, reason })),
    },
    kept: kept && { agent_id: kept.agentId, room_at: kept.roomAtMs === null ? null : time(kept.roomAtMs) },
    remedies: queued.remedies.map(remedyView),
  };
}

function remedyView(remedy: Remedy) {
  switch (remedy.kind) {
    case 'wait-until':
      return { kind: remedy.kind, at: time(remedy.atMs) };
    case 'end-tasks':
      return { kind: remedy.kind, task_ids: remedy.taskIds, more: remedy.more };
    case 'add-agents': {
      const { maxAgents, ...rest } = remedy;
      return { ...rest, ...(maxAgents !== null && { max_agents: maxAgents }) };
    }
    default: {
      if (!('agentId' in remedy)) return remedy;
      const { agentId, ...rest } = remedy;
      return { ...rest, agent_id: agentId };
    }
  }
}

function time(ms: number): string {
  return new Date(ms).toISOString();
}
