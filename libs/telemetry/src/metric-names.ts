/**
 * Every metric of every process, in this one place: name, type, what it says, its labels. Labels are
 * bounded (partitions, closed lists), never ids: tenants and tasks belong in logs and events.
 */
interface Definition {
  readonly type: 'counter' | 'gauge' | 'histogram';
  readonly help: string;
  readonly labels: readonly string[];
  readonly buckets?: readonly number[];
}

const latency = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];
const sizes = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000];
const tp = ['context', 'partition'];

const counter = (help: string, labels: readonly string[] = []) =>
  ({ type: 'counter', help, labels }) as const;
const gauge = (help: string, labels: readonly string[] = []) => ({ type: 'gauge', help, labels }) as const;
const histogram = (help: string, labels: readonly string[], buckets: readonly number[]) =>
  ({ type: 'histogram', help, labels, buckets }) as const;

export const metricDefinitions = {
  // journal and partition host
  fluxforge_commit_seconds: histogram('Append of a batch until it is known committed', ['context'], latency),
  fluxforge_commit_batch_records: histogram('Records in a committed batch', ['context'], sizes),
  fluxforge_commits_total: counter('Batches by how their append came out', ['context', 'outcome']),
  fluxforge_terms_total: counter('Terms claimed', tp),
  fluxforge_terms_ended_total: counter('Terms that ended, by cause', ['context', 'cause']),
  fluxforge_partitions_owned: gauge('Partitions this process owns now', ['context']),
  fluxforge_partition_lag_records: gauge('Records of an input topic not yet taken in', [
    'topic',
    'partition',
  ]),
  fluxforge_partitions_stopped: gauge('Partitions stopped for an operator (1 = stopped)', tp),
  fluxforge_recovery_seconds: histogram('From assignment to the first decision', ['context'], latency),
  fluxforge_snapshots_total: counter('Snapshots by outcome', ['context', 'outcome']),
  fluxforge_poison_records_total: counter('Records parked to dead letters', ['topic']),
  // scheduling
  fluxforge_queue_depth: gauge('Tasks that wait for an agent', ['partition']),
  fluxforge_leases_live: gauge('Leases out now', ['partition']),
  fluxforge_tasks_ended_total: counter('Tasks ended, by end', ['end']),
  fluxforge_lease_wait_seconds: histogram('From queued to leased', [], latency),
  // agents
  fluxforge_agent_streams: gauge('Control streams open now', []),
  fluxforge_heartbeats_total: counter('Heartbeat answers by result', ['result']),
  fluxforge_agent_frames_total: counter('Messages on control streams', ['direction', 'kind']),
  fluxforge_agents_lost_total: counter('Agents declared lost', []),
  // reconciler
  fluxforge_checks_total: counter('Check results by outcome', ['outcome']),
  fluxforge_targets: gauge('Targets by compliance', ['partition', 'compliance']),
  // projector
  fluxforge_projected_records_total: counter('Records taken into read models', ['projection']),
  fluxforge_projection_seconds: histogram('One transaction of a projection', ['projection'], latency),
  fluxforge_projection_batch_records: histogram('Records in one transaction', ['projection'], sizes),
  fluxforge_projection_lag_records: gauge('Records not yet projected', [
    'projection',
    'context',
    'partition',
  ]),
  fluxforge_projection_lag_seconds: gauge('Age of the last projected record when it was projected', [
    'projection',
    'context',
    'partition',
  ]),
  fluxforge_projection_parked: gauge('Partitions parked for an operator (1 = parked)', [
    'projection',
    'context',
    'partition',
  ]),
  fluxforge_projection_retries_total: counter('Transactions tried again', ['projection']),
  // api
  fluxforge_http_request_seconds: histogram(
    'Requests by route and status',
    ['method', 'route', 'status'],
    latency,
  ),
  fluxforge_commands_accepted_total: counter('Commands that Kafka acknowledged', ['type']),
  fluxforge_commands_refused_total: counter('Commands refused before Kafka', ['code']),
  fluxforge_submissions_shed_total: counter('Commands refused with 429 before Kafka, by limit', ['limit']),
  fluxforge_cache_available: gauge('1 while the shared cache answers', []),
  fluxforge_output_bytes_total: counter('Bytes of task output received', []),
  // agent
  fluxforge_agent_tasks_running: gauge('Tasks that run on this machine now', []),
  fluxforge_agent_slots: gauge('Tasks that may run at one time', []),
  fluxforge_agent_connected: gauge('1 while a control stream is open', []),
  fluxforge_agent_attempts_total: counter('Runs by outcome', ['outcome']),
  fluxforge_agent_checks_total: counter('Checks run, by outcome', ['outcome']),
  // every process
  fluxforge_event_loop_delay_seconds: gauge('Delay of the event loop since the last scrape', ['quantile']),
} as const satisfies Record<string, Definition>;

export type MetricName = keyof typeof metricDefinitions;
type OfType<T extends Definition['type']> = {
  [K in MetricName]: (typeof metricDefinitions)[K]['type'] extends T ? K : never;
}[MetricName];
export type CounterName = OfType<'counter'>;
export type GaugeName = OfType<'gauge'>;
export type HistogramName = OfType<'histogram'>;
export type LabelsOf<N extends MetricName> = Record<
  (typeof metricDefinitions)[N]['labels'][number],
  string | number
>;
