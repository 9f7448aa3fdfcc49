import { type TaskSpec } from '@fluxforge/events/catalogue';
import { inField, validated } from '../fields/index.js';
import { ProblemError } from '../http/index.js';
import { TaskBody } from './task-body.js';
import { taskSpecOf } from './task-spec.js';

/**
 * A task within another body, as POST /v1/tasks takes it. `path`: where it stands in that; `fixed`: fields that
 * the whole decides itself.
 * @throws ProblemError that names the field by its place in the whole
 */
export function taskTemplate(
  path: string,
  given: Record<string, unknown>,
  fixed: readonly (keyof TaskBody)[],
  nowMs: number,
): TaskSpec {
  return inField(path, () => {
    const errors = fixed
      .filter((field) => given[field] !== undefined)
      .map((field) => ({ field, code: 'inconsistent' as const, message: 'is not said here' }));
    if (errors.length > 0) {
      const names = errors.map(({ field }) => field).join(', ');
      throw new ProblemError('validation_failed', `${names}: not said here`, { errors });
    }
    return taskSpecOf(validated(TaskBody, given, { code: 'validation_failed' }), nowMs);
  });
}
