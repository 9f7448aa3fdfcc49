import { type LeaseKey, type Result, leaseKeyText } from '@fluxforge/agent-protocol';

/**
 * What the agent must remember across its own death. A lease goes
 *   accepted -> running -> ended -> (acknowledged, forgotten)
 * and may end from each of the first two; dropped forgets it from anywhere. Commands and environments
 * are not written: nothing is ever started from the journal.
 */
export type JournalEntry =
  | { t: 'head'; version: 1; state: HeadState }
  | { t: 'recent'; tasks: [string, number, number][] }
  | { t: 'term'; epoch: number; term: number }
  | { t: 'accepted'; key: LeaseKey; term: number; executor: string; bootId: string }
  | { t: 'running'; key: LeaseKey; pid: number; startTicks: number; atMs: number }
  | { t: 'ended'; result: Result }
  | { t: 'acknowledged'; key: LeaseKey }
  | { t: 'dropped'; key: LeaseKey };

export interface HeadState {
  epoch: number;
  term: number;
  /** Commands started since the data directory was made, by executor: a count apart from the control plane's. */
  runs: Record<string, number>;
}

export interface HeldEntry {
  key: LeaseKey;
  term: number;
  executor: string;
  bootId: string;
  stage: 'accepted' | 'running' | 'ended';
  process?: { pid: number; startTicks: number };
  startedAtMs?: number;
  result?: Result;
}

export interface JournalState extends HeadState {
  held: Map<string, HeldEntry>;
  /** Last attempt of a task that was reported, acknowledged and forgotten; oldest first, bounded. */
  recent: Map<string, { life: number; attempt: number }>;
}

const RECENT_LIMIT = 4096;
const RECENT_IN_SNAPSHOT = 1024;
const RECENT_PER_ENTRY = 50;

export function emptyState(): JournalState {
  return { epoch: 0, term: 0, runs: {}, held: new Map(), recent: new Map() };
}

/** Tolerant on purpose: after a damaged tail an entry may speak of a lease whose beginning is gone. */
export function applyEntry(state: JournalState, entry: JournalEntry): void {
  switch (entry.t) {
    case 'head':
      state.epoch = entry.state.epoch;
      state.term = entry.state.term;
      state.runs = { ...entry.state.runs };
      state.held.clear();
      state.recent.clear();
      return;
    case 'recent':
      for (const [taskId, life, attempt] of entry.tasks) remember(state, { taskId, life, attempt });
      return;
    case 'term':
      state.epoch = entry.epoch;
      state.term = entry.term;
      return;
    case 'accepted':
      state.held.set(leaseKeyText(entry.key), {
        key: entry.key,
        term: entry.term,
        executor: entry.executor,
        bootId: entry.bootId,
        stage: 'accepted',
      });
      return;
    case 'running':
      return applyRunning(state, entry);
    case 'ended':
      return applyEnded(state, entry.result);
    case 'acknowledged':
    case 'dropped':
      state.held.delete(leaseKeyText(entry.key));
      remember(state, entry.key);
  }
}

/** So that a late duplicate of a lease that is over here does not run it once more. */
function remember(state: JournalState, { taskId, life, attempt }: LeaseKey): void {
  const known = state.recent.get(taskId);
  if (known !== undefined && isOlder({ life, attempt }, known)) return;
  state.recent.delete(taskId);
  state.recent.set(taskId, { life, attempt });
  if (state.recent.size <= RECENT_LIMIT) return;
  for (const oldest of state.recent.keys()) {
    state.recent.delete(oldest);
    return;
  }
}

export function isOlder(
  left: { life: number; attempt: number },
  right: { life: number; attempt: number },
): boolean {
  return left.life !== right.life ? left.life < right.life : left.attempt < right.attempt;
}

function applyRunning(state: JournalState, entry: Extract<JournalEntry, { t: 'running' }>): void {
  const held = state.held.get(leaseKeyText(entry.key));
  if (held === undefined) return;
  held.stage = 'running';
  held.startedAtMs = entry.atMs;
  if (entry.pid > 0) held.process = { pid: entry.pid, startTicks: entry.startTicks };
  state.runs[held.executor] = (state.runs[held.executor] ?? 0) + 1;
}

function applyEnded(state: JournalState, result: Result): void {
  if (result.key === undefined) return;
  const text = leaseKeyText(result.key);
  const held = state.held.get(text);
  const began = held ?? { key: result.key, term: result.term, executor: '', bootId: '' };
  state.held.set(text, { ...began, stage: 'ended', result });
}

/** The shortest list of entries that folds to the same state. */
export function snapshotEntries(state: JournalState): JournalEntry[] {
  const { epoch, term } = state;
  // Leases that run are counted again by their own entries.
  const runs = { ...state.runs };
  const entries: JournalEntry[] = [];
  for (const held of state.held.values()) {
    if (held.stage === 'ended' && held.result !== undefined) {
      entries.push({ t: 'ended', result: held.result });
      continue;
    }
    const { key, executor, bootId } = held;
    entries.push({ t: 'accepted', key, term: held.term, executor, bootId });
    if (held.stage !== 'running') continue;
    const { pid, startTicks } = held.process ?? { pid: 0, startTicks: 0 };
    entries.push({ t: 'running', key, pid, startTicks, atMs: held.startedAtMs ?? 0 });
    runs[executor] = (runs[executor] ?? 1) - 1;
  }
  return [{ t: 'head', version: 1, state: { epoch, term, runs } }, ...recentEntries(state), ...entries];
}

function recentEntries(state: JournalState): JournalEntry[] {
  const tasks = [...state.recent].slice(-RECENT_IN_SNAPSHOT);
  const entries: JournalEntry[] = [];
  for (let at = 0; at < tasks.length; at += RECENT_PER_ENTRY) {
    const part = tasks.slice(at, at + RECENT_PER_ENTRY);
    entries.push({ t: 'recent', tasks: part.map(([id, { life, attempt }]) => [id, life, attempt]) });
  }
  return entries;
}

export function encodeEntry(entry: JournalEntry): Buffer {
  return Buffer.from(JSON.stringify(entry), 'utf8');
}

/** The checksum already vouches for the bytes; what fails here was written by another version. */
export function decodeEntry(payload: Buffer): JournalEntry | undefined {
  try {
    const parsed: unknown = JSON.parse(payload.toString('utf8'));
    return isEntry(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

const entryTypes = new Set([
  'head',
  'recent',
  'term',
  'accepted',
  'running',
  'ended',
  'acknowledged',
  'dropped',
]);

function isEntry(value: unknown): value is JournalEntry {
  return typeof value === 'object' && value !== null && 't' in value && entryTypes.has(String(value.t));
}
