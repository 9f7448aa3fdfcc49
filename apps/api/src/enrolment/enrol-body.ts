import { executors } from '@fluxforge/events/catalogue';
import {
  duration,
  Field,
  labels,
  listOf,
  name,
  oneOf,
  resourceId,
  sha256Hex,
  text,
  wholeNumber,
} from '../fields/index.js';
import { labelsSchema } from '../fields/schemas.js';

/** What an agent says of itself when it joins. Labels of the join token win over its own. */
export class EnrolBody {
  @Field(text({ min: 1, max: 256 }), { required: true, description: '`ffj_...`, single use.' })
  join_token: string;

  @Field(name, { required: true, description: 'For people.' })
  name: string;

  @Field(sha256Hex, { required: true, description: 'SHA-256 of the credential, which stays with the agent.' })
  credential_hash: string;

  @Field(labels, { description: 'Its labels.', schema: labelsSchema })
  labels?: Record<string, string>;

  @Field(wholeNumber({ min: 1, max: 1024 }), {
    description: 'Tasks it runs at one time.',
    schema: { type: 'integer', default: 4, minimum: 1, maximum: 1024 },
  })
  slots?: number;

  @Field(listOf(oneOf(executors.values), { min: 1, max: 8 }), {
    description: 'What it can run.',
    schema: { type: 'array', items: { type: 'string', enum: [...executors.values] } } as never,
  })
  executors?: ('shell' | 'noop')[];

  @Field(text({ max: 64 }), { description: 'Its version.' })
  agent_version?: string;

  @Field(text({ max: 128 }), { description: 'Of the machine, fresh at each boot.' })
  boot_id?: string;
}

const minute = 60_000;

export class JoinTokenBody {
  @Field(labels, {
    description: 'Labels that the agent has from the token and cannot change.',
    schema: labelsSchema,
  })
  labels?: Record<string, string>;

  @Field(duration({ min: 1000, max: 24 * 60 * minute }), {
    description: 'How long it can be used.',
    schema: { default: '15m' },
  })
  expires_in?: string;
}

export class DispatcherQuery {
  @Field(resourceId, { required: true, description: 'The tenant of the agent.' })
  tenant_id: string;
}
