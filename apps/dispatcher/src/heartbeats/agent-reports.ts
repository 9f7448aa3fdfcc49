import { type AgentReport, type CheckResult } from '@fluxforge/events/catalogue';
import { type LogPort } from '@fluxforge/events/log';
import { type Heartbeat } from '@fluxforge/agent-protocol';
import { heartbeatReport } from '../agent-streams/wire.js';

const heartbeatEveryMs = 60_000;
const appendTimeoutMs = 3000;
const gatherMs = 2;
const maxResultsPerReport = 256;

interface LastHeartbeat {
  readonly sentAtMs: number;
  readonly slots: number;
  readonly busy: boolean;
}

/**
 * What agents say that is no transition, for the reconciler and for analytics. Telemetry: nothing is tried
 * again. Heartbeats live in memory; the topic gets one per agent and minute, or when something in it changed.
 */
export class AgentReports {
  private readonly last = new Map<string, LastHeartbeat>();
  private readonly gathered = new Map<
    string,
    { partition: number; tenantId: string; agentId: string; results: CheckResult[] }
  >();
  private timer: NodeJS.Timeout | null = null;

  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly onFailed: (error: unknown) => void,
  ) {}

  /** Results of one agent that come together go into one record. */
  check(partition: number, tenantId: string, agentId: string, result: CheckResult): void {
    const key = `${tenantId}/${agentId}`;
    const entry = this.gathered.get(key) ?? { partition, tenantId, agentId, results: [] };
    entry.results.push(result);
    this.gathered.set(key, entry);
    if (entry.results.length >= maxResultsPerReport) return this.flush();
    this.timer ??= setTimeout(() => this.flush(), gatherMs);
  }

  heartbeat(partition: number, tenantId: string, agentId: string, heartbeat: Heartbeat, nowMs: number): void {
    const key = `${tenantId}/${agentId}`;
    const last = this.last.get(key);
    const now = { sentAtMs: nowMs, slots: heartbeat.slots, busy: heartbeat.freeSlots < heartbeat.slots };
    const changed = !last || last.slots !== now.slots || last.busy !== now.busy;
    if (!changed && nowMs - last.sentAtMs < heartbeatEveryMs) return;
    this.last.set(key, now);
    this.send(partition, heartbeatReport(tenantId, agentId, heartbeat));
  }

  forget(tenantId: string, agentId: string): void {
    this.last.delete(`${tenantId}/${agentId}`);
  }

  private flush(): void {
    if (this.timer) clearTimeout(this.timer);
    this.timer = null;
    for (const { partition, tenantId, agentId, results } of this.gathered.values()) {
      this.send(partition, { kind: 'checks', tenant_id: tenantId, agent_id: agentId, results });
    }
    this.gathered.clear();
  }

  private send(partition: number, report: AgentReport): void {
    const record = { key: report.tenant_id, value: Buffer.from(JSON.stringify(report)), headers: {} };
    this.log
      .append({ topic: this.topic, partition }, [record], { timeoutMs: appendTimeoutMs, concurrent: true })
      .catch((error: unknown) => this.onFailed(error));
  }
}
