import { taskEnds, taskKinds } from '@fluxforge/events/catalogue';
import { taskPhases, type OutputRequest, type TaskFilter } from '@fluxforge/read-models';
import { digits, Field, oneOf, resourceId, text } from '../fields/index.js';
import { LabelledPageQuery, PageQuery, pageOf } from '../reads/index.js';
import { parseSelector } from '../selectors/index.js';

export class TaskListQuery extends LabelledPageQuery {
  @Field(oneOf(taskPhases), { description: 'Only in this phase.', schema: { enum: [...taskPhases] } })
  phase?: TaskFilter['phase'];

  @Field(oneOf(taskEnds.values), { description: 'Only ended so.', schema: { enum: [...taskEnds.values] } })
  end?: TaskFilter['end'];

  @Field(oneOf(taskKinds.values), {
    description: 'Only of this kind.',
    schema: { enum: [...taskKinds.values] },
  })
  kind?: TaskFilter['kind'];

  @Field(resourceId, { description: 'Only on this agent.' })
  agent_id?: string;

  @Field(resourceId, { description: 'Only remediations of this state.' })
  state_id?: string;

  @Field(resourceId, { description: 'Only firings of this schedule.' })
  schedule_id?: string;

  @Field(resourceId, { description: 'Only members of this fan-out.' })
  fanout_id?: string;
}

export function taskFilterOf(query: TaskListQuery): TaskFilter {
  return {
    ...pageOf(query),
    ...(query.phase === undefined ? {} : { phase: query.phase }),
    ...(query.end === undefined ? {} : { end: query.end }),
    ...(query.kind === undefined ? {} : { kind: query.kind }),
    ...(query.agent_id === undefined ? {} : { agent_id: query.agent_id }),
    ...(query.state_id === undefined ? {} : { state_id: query.state_id }),
    ...(query.schedule_id === undefined ? {} : { schedule_id: query.schedule_id }),
    ...(query.fanout_id === undefined ? {} : { fanout_id: query.fanout_id }),
    ...(query.labels === undefined ? {} : { labels: parseSelector(query.labels) }),
  };
}

export class OutputQuery extends PageQuery {
  @Field(digits({ min: 1, max: 1_000_000 }), {
    description: 'The attempt; left out, the latest that printed.',
  })
  attempt?: string;

  @Field(oneOf(['stdout', 'stderr']), {
    description: 'One stream; left out, both as they arrived.',
    schema: { enum: ['stdout', 'stderr'] },
  })
  stream?: 'stdout' | 'stderr';

  @Field(text({ min: 1, max: 1024 }), { description: '`resume_cursor` of the page before: what came since.' })
  after?: string;

  @Field(oneOf(['json', 'text']), {
    description: 'text: the bytes as they are, with a line where some are missing.',
    schema: { enum: ['json', 'text'], default: 'json' },
  })
  format?: 'json' | 'text';
}

export function outputRequestOf(query: OutputQuery): OutputRequest {
  return {
    ...pageOf(query),
    ...(query.after === undefined ? {} : { cursor: query.after }),
    ...(query.attempt === undefined ? {} : { attempt: Number(query.attempt) }),
    ...(query.stream === undefined ? {} : { stream: query.stream }),
  };
}
