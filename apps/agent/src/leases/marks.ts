import { type LeaseKey, leaseKeyText } from '@fluxforge/agent-protocol';
import { MARK_NAME } from '../executors/shell/index.js';

/** In the environment of every process of a lease, for its users and for finding it again. */
export function leaseMarks(instance: string, key: LeaseKey): Record<string, string> {
  return {
    FLUXFORGE_TASK_ID: key.taskId,
    FLUXFORGE_ATTEMPT: String(key.attempt),
    [MARK_NAME]: leaseMark(instance, key),
  };
}

export function leaseMark(instance: string, key: LeaseKey): string {
  return `${instance}/lease/${leaseKeyText(key)}`;
}

export function checkMark(instance: string): string {
  return `${instance}/check`;
}
