export { Reads, tokenOf, waitMs } from './reads.js';
export { PositionQuery, PageQuery, LabelledPageQuery, pageOf, maxWaitMs } from './read-query.js';
