import {
  type Command,
  type CommandBody,
  type CommandData,
  type Decided,
  type JournalEventBody,
  type StatesCommandBody,
  type StatesEventBody,
  type StateSpec,
} from '@fluxforge/events/catalogue';
import { accepted, decided, rejected, sameLabels } from '@fluxforge/domain/kernel';
import { declaredBytesRefusal, maxDeclaredBytes } from '@fluxforge/domain/tenant';
import { neverOpens, windowFlaw } from '@fluxforge/domain/windows';
import { contentHash, sameSpec } from './content.js';
import { isMarked, tenantOf } from './desired-state.js';
import { type DesiredState, type StatesState, type Tenant } from './model.js';

export type OwnBody = StatesEventBody | JournalEventBody;
type Events = Decided<OwnBody>[];
type Of<T extends StatesCommandBody['type']> = Command<CommandBody> & {
  readonly type: T;
  readonly data: CommandData<T>;
};

/** Applies until the tenant's own limits have arrived from the tasks context. */
export interface CommandPolicy {
  readonly defaultMaxStates: number;
  readonly defaultMaxDeclaredBytes: number;
}

/** Decides a command. Always at least one event: if nothing changes, the answer itself. */
export function decideCommand(
  state: StatesState,
  command: Command<CommandBody>,
  nowMs: number,
  policy: CommandPolicy,
): Events {
  const tenant = tenantOf(state, command.tenantId);
  switch (command.type) {
    case 'state.declare':
      return declare(tenant, command, nowMs, policy);
    case 'state.update':
      return update(tenant, command, nowMs, policy);
    case 'state.delete':
      return remove(tenant, command);
    case 'state.suspend':
      return suspend(tenant, command, true);
    case 'state.resume':
      return suspend(tenant, command, false);
    default:
      return [rejected(command, 'invalid', `this context does not decide ${command.type}`)];
  }
}

function declare(tenant: Tenant, command: Of<'state.declare'>, nowMs: number, policy: CommandPolicy): Events {
  const { state_id: id, name, labels, spec } = command.data;
  const present = tenant.states.get(id);
  if (present) return repeated(command, present);
  const marker = tenant.deleted.get(id);
  if (marker && isMarked(marker, nowMs)) return [rejected(command, 'gone', `state ${id} was deleted`, id)];
  const shut = refusedWindows(command, spec, nowMs);
  if (shut) return [shut];
  const namesake = tenant.names.get(name);
  if (namesake) return [nameTaken(command, namesake)];
  const maxStates = tenant.limits?.max_states ?? policy.defaultMaxStates;
  if (tenant.states.size >= maxStates) {
    return [rejected(command, 'quota_exceeded', `max_states is ${maxStates}`, id)];
  }
  const full = beyondBytes(tenant, command, null, policy);
  if (full) return [full];
  return [decided('state.declared', tenant.id, id, { state_id: id, name, labels, generation: 1, spec })];
}

function beyondBytes(
  { bytes, limits }: Tenant,
  command: Of<'state.declare'> | Of<'state.update'>,
  present: DesiredState | null,
  { defaultMaxDeclaredBytes }: CommandPolicy,
) {
  const most = maxDeclaredBytes(limits, { max_declared_bytes: defaultMaxDeclaredBytes });
  const full = declaredBytesRefusal(command.data, present, { used: bytes, most });
  return full === null ? null : rejected(command, 'quota_exceeded', full, command.data.state_id);
}

/** Compared with what was first declared: a late repetition is no conflict with an update since then. */
function repeated(command: Of<'state.declare'>, present: DesiredState): Events {
  if (present.declaredAs === contentHash(command.data)) return [accepted(command, present.id)];
  return [rejected(command, 'already_exists', `state ${present.id} exists with other content`, present.id)];
}

/** Windows that cannot be read, or that would hold every remediation back for ever. */
function refusedWindows(command: Of<'state.declare'> | Of<'state.update'>, spec: StateSpec, nowMs: number) {
  const { windows } = spec;
  if (!windows || windows.length === 0) return null;
  const flaw = windowFlaw(windows);
  const id = command.data.state_id;
  if (flaw) return rejected(command, 'invalid', `windows[${flaw.index}].${flaw.field}: ${flaw.message}`, id);
  if (!neverOpens(windows, nowMs)) return null;
  return rejected(command, 'invalid', 'windows: no remediation could begin in the next five years', id);
}

function nameTaken(command: Command, namesake: DesiredState) {
  const message = `the name ${namesake.name} is taken by state ${namesake.id}`;
  return rejected(command, 'already_exists', message, namesake.id);
}

function update(tenant: Tenant, command: Of<'state.update'>, nowMs: number, policy: CommandPolicy): Events {
  const { state_id: id, name, labels, spec, if_version: ifVersion } = command.data;
  const present = tenant.states.get(id);
  if (!present) return [notFound(command, id)];
  if (isStale(present, ifVersion)) return [staleVersion(command, present)];
  const shut = refusedWindows(command, spec, nowMs);
  if (shut) return [shut];
  const namesake = tenant.names.get(name);
  if (namesake && namesake !== present) return [nameTaken(command, namesake)];
  const unchanged = sameSpec(present.spec, spec);
  if (unchanged && present.name === name && sameLabels(present.labels, labels))
    return [accepted(command, id)];
  const full = beyondBytes(tenant, command, present, policy);
  if (full) return [full];
  const generation = unchanged ? present.generation : present.generation + 1;
  return [decided('state.updated', tenant.id, id, { state_id: id, name, labels, generation, spec })];
}

function remove(tenant: Tenant, command: Of<'state.delete'>): Events {
  const { state_id: id, if_version: ifVersion } = command.data;
  const present = tenant.states.get(id);
  if (!present) return [tenant.deleted.has(id) ? accepted(command, id) : notFound(command, id)];
  if (isStale(present, ifVersion)) return [staleVersion(command, present)];
  return [decided('state.deleted', tenant.id, id, { state_id: id })];
}

function suspend(
  tenant: Tenant,
  command: Of<'state.suspend'> | Of<'state.resume'>,
  suspended: boolean,
): Events {
  const id = command.data.state_id;
  const present = tenant.states.get(id);
  if (!present) return [notFound(command, id)];
  if (present.suspended === suspended) return [accepted(command, id)];
  return [decided(suspended ? 'state.suspended' : 'state.resumed', tenant.id, id, { state_id: id })];
}

function notFound(command: Command, id: string) {
  return rejected(command, 'not_found', `there is no state ${id}`, id);
}

function isStale(present: DesiredState, ifVersion: number | undefined): boolean {
  return ifVersion !== undefined && ifVersion !== present.version;
}

function staleVersion(command: Command, present: DesiredState) {
  return rejected(command, 'precondition_failed', `the resource version is ${present.version}`, present.id);
}
