import { hashHex } from '@fluxforge/domain/kernel';
import { type CommandBody, type TaskSpec } from '@fluxforge/events/catalogue';

export const tenantId = 't';
export const taskId = 'task';
const yearMs = 365 * 24 * 3_600_000;

export const spec: TaskSpec = {
  labels: {},
  executor: 'noop',
  command: ['true'],
  selector: [],
  priority: 5,
  delivery_timeout_ms: 0,
  execution_timeout_ms: 10_000,
  kill_grace_ms: 100,
  max_attempts: 2,
  backoff: { base_ms: 100, max_ms: 100 },
  output_limit_bytes: 1_024,
};

/** What must be there before there can be a task: its tenant, and agents of one slot. */
export function setUp(agentIds: readonly string[], nowMs: number): CommandBody[] {
  return [
    { type: 'tenant.create', data: { tenant_id: tenantId, name: 'tenant' } },
    ...agentIds.flatMap((id) => enrolment(id, nowMs + yearMs)),
  ];
}

function enrolment(id: string, expiresAtMs: number): CommandBody[] {
  const tokenHash = hashHex(id);
  const token = { token_id: `t-${id}`, token_hash: tokenHash, labels: {}, expires_at_ms: expiresAtMs };
  const agent = {
    agent_id: id,
    name: id,
    token_hash: tokenHash,
    credential_hash: hashHex(`credential ${id}`),
    labels: {},
    slots: 1,
    executors: ['noop' as const],
    agent_version: '1',
  };
  return [
    { type: 'join-token.create', data: token },
    { type: 'agent.enrol', data: agent },
  ];
}
