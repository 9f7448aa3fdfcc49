import { maxPageSize } from '@fluxforge/read-models';
import { digits, Field, selector, text } from '../fields/index.js';

export const defaultWaitMs = 2_000;
export const maxWaitMs = 30_000;

/** Parameters of every read. */
export class PositionQuery {
  @Field(text({ min: 1, max: 64 }), {
    description: 'The `token` of a write: the answer shows that write, or is `not_yet_visible`.',
  })
  min_position?: string;

  @Field(digits({ min: 0, max: maxWaitMs }), {
    description: `How long to wait for min_position, in milliseconds (${defaultWaitMs}).`,
  })
  wait_ms?: string;
}

/** Parameters of every list. */
export class PageQuery extends PositionQuery {
  @Field(digits({ min: 1, max: maxPageSize }), { description: `Items of a page, up to ${maxPageSize}.` })
  limit?: string;

  @Field(text({ min: 1, max: 1024 }), { description: '`next_cursor` of the page before.' })
  cursor?: string;
}

export class LabelledPageQuery extends PageQuery {
  @Field(selector, { description: 'Only those with these labels, such as `role=web,zone in (a,b)`.' })
  labels?: string;
}

export function pageOf(query: PageQuery): { limit?: number; cursor?: string } {
  return {
    ...(query.limit === undefined ? {} : { limit: Number(query.limit) }),
    ...(query.cursor === undefined ? {} : { cursor: query.cursor }),
  };
}
