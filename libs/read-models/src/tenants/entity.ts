import { type Limits, type Role } from '@fluxforge/events/catalogue';
import { Entity } from 'typeorm';
import { Key, MaybeOf, Of } from '../rows/columns.js';

@Entity('tenants')
export class TenantEntity {
  @Key() tenant_id: string;
  @Of('text') name: string;
  @Of('whole') generation: number;
  @Of('whole') resource_version: number;
  @Of('time') created_at: string;
  @Of('time') updated_at: string;
  @Of('json') limits: Limits;
}

/** Without the key's hash: a reader of this table learns nothing that opens a door. */
@Entity('api_keys')
export class ApiKeyEntity {
  @Key() tenant_id: string;
  @Key() key_id: string;
  @Of('text') role: Role;
  @Of('text') label: string;
  @Of('time') created_at: string;
  @MaybeOf('time') revoked_at: string | null;
}
