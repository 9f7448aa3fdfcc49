import { type LeaseKey, Outcome, leaseKeyText } from '@fluxforge/agent-protocol';
import { type Logger } from '@fluxforge/telemetry';
import { MARK_NAME, stopTree } from '../executors/shell/index.js';
import { type HeldEntry, type Journal } from '../journal/index.js';
import { environmentOf, processTable } from '../machine/index.js';
import { resultWithoutRun } from './results.js';
import { checkMark, leaseMark } from './marks.js';

export interface LeftoverSettings {
  instance: string;
  bootId: string;
  graceMs: number;
  /** The journal lost its tail: leases may run that it does not know. */
  journalDamaged: boolean;
}

/**
 * Before anything else after a start: whatever a former process of this agent left running is stopped,
 * and every lease that it had not finished is reported as interrupted. The journal names the processes by
 * pid and start time, the mark in their environment finds those whose pid it had no time to write.
 */
export async function interruptLeftovers(
  journal: Journal,
  settings: LeftoverSettings,
  log: Logger,
): Promise<void> {
  const unfinished = [...journal.state.held.values()].filter(({ stage }) => stage !== 'ended');
  const marked = findMarked(settings.instance);
  const survivors = await Promise.all(
    unfinished.map(async (entry) => ({
      entry,
      gone: await stopLeftover(entry, marked, settings),
    })),
  );
  await stopUnjournalled(journal, marked, settings, log);
  for (const { entry, gone } of survivors) {
    const detail = gone ? 'the agent restarted' : 'the agent restarted; processes of it survive SIGKILL';
    log.warn({ task_id: entry.key.taskId, attempt: entry.key.attempt, gone }, 'lease interrupted');
    const result = resultWithoutRun(entry, Outcome.INTERRUPTED, Date.now(), detail);
    journal.append({ t: 'ended', result: { ...result, startedAtMs: entry.startedAtMs ?? 0 } });
  }
  await journal.commit();
}

async function stopLeftover(
  entry: HeldEntry,
  marked: Map<string, number>,
  { instance, bootId, graceMs }: LeftoverSettings,
): Promise<boolean> {
  // Another boot: that pid, if it exists, is somebody else's.
  if (entry.bootId !== bootId) return true;
  const group = leaderOf(entry);
  const mark = leaseMark(instance, entry.key);
  if (group === undefined && !marked.has(mark)) return true;
  return stopTree({ group, mark: `${MARK_NAME}=${mark}` }, graceMs).done;
}

function leaderOf({ process: leader }: HeldEntry): number | undefined {
  if (leader === undefined) return undefined;
  const found = processTable().find(({ pid }) => pid === leader.pid);
  return found?.startTicks === leader.startTicks ? leader.pid : undefined;
}

/** Checks change nothing and are not journalled; after damage, leases may be unknown as well. */
async function stopUnjournalled(
  journal: Journal,
  marked: Map<string, number>,
  { instance, graceMs, journalDamaged }: LeftoverSettings,
  log: Logger,
): Promise<void> {
  const known = new Set([...journal.state.held.values()].map(({ key }) => leaseMark(instance, key)));
  const stray = [...marked.keys()].filter(
    (mark) =>
      mark === checkMark(instance) ||
      (journalDamaged && !known.has(mark) && !isRecent(journal, instance, mark)),
  );
  if (stray.length > 0) log.warn({ stray }, 'stopping processes of a former run');
  const stopped = stray.map((mark) => stopTree({ group: undefined, mark: `${MARK_NAME}=${mark}` }, graceMs));
  await Promise.all(stopped.map(({ done }) => done));
}

function isRecent(journal: Journal, instance: string, mark: string): boolean {
  for (const [taskId, { life, attempt }] of journal.state.recent) {
    const key: LeaseKey = { taskId, life, attempt };
    if (mark === `${instance}/lease/${leaseKeyText(key)}`) return true;
  }
  return false;
}

/** Marks of this agent that living processes carry, with how many carry each. */
function findMarked(instance: string): Map<string, number> {
  const prefix = `${MARK_NAME}=${instance}/`;
  const found = new Map<string, number>();
  for (const { pid, dead } of processTable()) {
    const variable = dead ? undefined : environmentOf(pid)?.find((text) => text.startsWith(prefix));
    if (variable === undefined) continue;
    const mark = variable.slice(MARK_NAME.length + 1);
    found.set(mark, (found.get(mark) ?? 0) + 1);
  }
  return found;
}
