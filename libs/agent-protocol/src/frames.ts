import { type LeaseKey } from './generated/fluxforge/agent/v1/command.js';
import {
  type AgentFrame,
  type AgentMessage,
  type ControlFrame,
  type ControlMessage,
} from './generated/fluxforge/agent/v1/control.js';
import { type OutputMessage } from './generated/fluxforge/agent/v1/output.js';

export type AgentMessageBody = NonNullable<AgentMessage['body']>;
export type ControlMessageBody = NonNullable<ControlMessage['body']>;
export type OutputMessageBody = NonNullable<OutputMessage['body']>;

export function agentFrame(bodies: readonly AgentMessageBody[]): AgentFrame {
  return { body: { $case: 'messages', messages: { messages: bodies.map((body) => ({ body })) } } };
}

export function controlFrame(body: NonNullable<ControlFrame['body']>): ControlFrame {
  return { body };
}

export function ordersFrame(
  { epoch, term }: { epoch: number; term: number },
  bodies: readonly ControlMessageBody[],
): ControlFrame {
  return { body: { $case: 'orders', orders: { epoch, term, messages: bodies.map((body) => ({ body })) } } };
}

/** A text that two keys share only if they are the same lease; fit for a map's key. */
export function leaseKeyText({ taskId, life, attempt }: LeaseKey): string {
  return `${taskId}#${life}#${attempt}`;
}
