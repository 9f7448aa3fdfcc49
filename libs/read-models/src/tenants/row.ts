import { type Limits, type Role } from '@fluxforge/events/catalogue';
import { type Resource } from '../queries/common.js';

export interface ApiKeyRow {
  readonly key_id: string;
  readonly role: Role;
  readonly label: string;
  readonly created_at: string;
  readonly revoked_at: string | null;
}

export interface TenantRow extends Resource {
  readonly limits: Limits;
  readonly keys: readonly ApiKeyRow[];
}
