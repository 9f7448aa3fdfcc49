import { AssignerProtocol } from 'kafkajs';
import { planPlacement } from '../placement/index.js';
import { byKafkajs } from './protocol.js';

// The classic consumer group protocol, spoken directly: kafkajs's consumer would fetch the topics as well,
// tells neither of heartbeats nor of a lost session in time, and hands on only a part of the assignment.
export const PROTOCOL_NAME = 'fluxforge-placement';
const PROTOCOL_TYPE = 'consumer';
const SUBSCRIPTION_VERSION = 0;

/** What a member tells the leader of the group, in the user data of its subscription. */
export interface MemberNote {
  readonly metadata: string;
  readonly held: readonly number[];
  readonly heldGeneration: number;
}

export interface JoinAnswer {
  readonly generationId: number;
  readonly leaderId: string;
  readonly memberId: string;
  readonly members: readonly { readonly memberId: string; readonly memberMetadata: Buffer }[];
}

export interface Placed {
  readonly partitions: readonly number[];
  readonly generation: number;
}

export function joinRequest(
  options: {
    group: string;
    topics: readonly string[];
    sessionTimeoutMs: number;
    rebalanceTimeoutMs: number;
  },
  memberId: string,
  note: MemberNote,
) {
  const metadata = AssignerProtocol.MemberMetadata.encode({
    version: SUBSCRIPTION_VERSION,
    topics: [...options.topics],
    userData: Buffer.from(JSON.stringify(note)),
  });
  return byKafkajs<JoinAnswer>('JoinGroup', 5, {
    groupId: options.group,
    sessionTimeout: options.sessionTimeoutMs,
    rebalanceTimeout: options.rebalanceTimeoutMs,
    memberId,
    protocolType: PROTOCOL_TYPE,
    groupProtocols: [{ name: PROTOCOL_NAME, metadata }],
  });
}

export function syncRequest(
  group: string,
  generation: number,
  memberId: string,
  groupAssignment: readonly { memberId: string; memberAssignment: Buffer }[],
) {
  return byKafkajs<{ memberAssignment: Buffer }>('SyncGroup', 3, {
    groupId: group,
    generationId: generation,
    memberId,
    groupAssignment,
  });
}

export function heartbeatRequest(group: string, generation: number, memberId: string) {
  return byKafkajs<unknown>('Heartbeat', 3, {
    groupId: group,
    groupGenerationId: generation,
    memberId,
    groupInstanceId: null,
  });
}

export function leaveRequest(group: string, memberId: string) {
  return byKafkajs<unknown>('LeaveGroup', 3, { groupId: group, memberId });
}

export interface DescribedMember {
  readonly memberId: string;
  readonly memberMetadata: Buffer;
  readonly memberAssignment: Buffer;
}

export function describeRequest(group: string) {
  return byKafkajs<{ groups: readonly { state: string; members: readonly DescribedMember[] }[] }>(
    'DescribeGroups',
    2,
    { groupIds: [group] },
  );
}

/** The leader's work: the same partition numbers of every topic for each member. */
export function planAssignments(join: JoinAnswer, topics: readonly string[], partitions: number) {
  const plan = planPlacement(
    join.members.map(({ memberId, memberMetadata }) => ({ memberId, ...readNote(memberMetadata) })),
    partitions,
  );
  return [...plan].map(([memberId, held]) => ({
    memberId,
    memberAssignment: AssignerProtocol.MemberAssignment.encode({
      version: SUBSCRIPTION_VERSION,
      assignment: Object.fromEntries(topics.map((topic) => [topic, held])),
      // Describing a group does not tell its generation, so each assignment carries it.
      userData: Buffer.from(JSON.stringify({ generation: join.generationId })),
    }),
  }));
}

export function readAssignment(bytes: Buffer): Placed {
  const decoded = bytes.length === 0 ? null : AssignerProtocol.MemberAssignment.decode(bytes);
  if (!decoded) return { partitions: [], generation: -1 };
  const { generation } = parseJson(decoded.userData) as { generation?: unknown };
  const [partitions = []] = Object.values(decoded.assignment);
  return { partitions, generation: typeof generation === 'number' ? generation : -1 };
}

/** A member that speaks otherwise (an older version, another program) counts as one that holds nothing. */
export function readNote(bytes: Buffer): MemberNote {
  const nothing = { metadata: '', held: [], heldGeneration: -1 };
  if (bytes.length === 0) return nothing;
  const decoded = AssignerProtocol.MemberMetadata.decode(bytes);
  const note = parseJson(decoded?.userData) as Partial<Record<keyof MemberNote, unknown>>;
  return {
    metadata: typeof note.metadata === 'string' ? note.metadata : nothing.metadata,
    held: Array.isArray(note.held) ? note.held.filter((p) => Number.isInteger(p)) : nothing.held,
    heldGeneration: typeof note.heldGeneration === 'number' ? note.heldGeneration : -1,
  };
}

function parseJson(bytes: Buffer | undefined | null): object {
  try {
    const parsed: unknown = JSON.parse(String(bytes));
    return typeof parsed === 'object' && parsed !== null ? parsed : {};
  } catch {
    return {};
  }
}
