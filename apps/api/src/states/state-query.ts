import { compliances, type StateFilter, type TargetFilter } from '@fluxforge/read-models';
import { Field, name, oneOf, Parameter, resourceId, text } from '../fields/index.js';
import { LabelledPageQuery, PageQuery, pageOf } from '../reads/index.js';
import { parseSelector } from '../selectors/index.js';

export class StateListQuery extends LabelledPageQuery {
  @Field(name, { description: 'Only of this name: none or one.' })
  name?: string;
}

export function stateFilterOf(query: StateListQuery): StateFilter {
  return {
    ...pageOf(query),
    ...(query.name === undefined ? {} : { name: query.name }),
    ...(query.labels === undefined ? {} : { labels: parseSelector(query.labels) }),
  };
}

export class TargetListQuery extends PageQuery {
  @Field(oneOf(compliances), { description: 'Only so compliant.', schema: { enum: [...compliances] } })
  compliance?: TargetFilter['compliance'];

  @Field(resourceId, { description: 'Only on this agent.' })
  agent_id?: string;
}

export function targetFilterOf(query: TargetListQuery): TargetFilter {
  return {
    ...pageOf(query),
    ...(query.compliance === undefined ? {} : { compliance: query.compliance }),
    ...(query.agent_id === undefined ? {} : { agent_id: query.agent_id }),
  };
}

const version = new Parameter(
  'If-Match',
  text({ min: 1, max: 20, pattern: /^(?:"\d{1,15}"|\d{1,15})$/, form: 'a resource_version, such as "12"' }),
);

/** The `resource_version` that the caller has seen; nothing when it does not matter. */
export function versionOf(ifMatch: unknown): { if_version?: number } {
  if (ifMatch === undefined) return {};
  return { if_version: Number(version.transform(ifMatch).replaceAll('"', '')) };
}
