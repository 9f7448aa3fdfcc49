import { type Fact } from '@fluxforge/events/catalogue';

/** An id alone finds nothing: two tenants may have the same. */
export function taskKeyOf({ tenantId, data }: Fact & { data: { task_id: string } }): string {
  return `${tenantId}/${data.task_id}`;
}
