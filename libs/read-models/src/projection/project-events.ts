import { type SqlRunner } from '../rows/table.js';
import { foldEvents, wantRelatedRows, wantRows } from './fold.js';
import { type ProjectedEvent } from './projected-event.js';
import { ViewRows } from './view-rows.js';

/** The writes of one batch of accepted events, in log order, within a transaction. */
export async function projectEvents(events: readonly ProjectedEvent[], sql: SqlRunner): Promise<void> {
  const rows = new ViewRows();
  wantRows(events, rows);
  await rows.load(sql);
  wantRelatedRows(rows);
  await rows.load(sql);
  foldEvents(events, rows);
  await rows.flush(sql);
}
