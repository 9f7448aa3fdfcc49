import { agentsView } from '../agents/fold.js';
import { commandsView } from '../commands/fold.js';
import { eventsView } from '../events/fold.js';
import { fanoutsView } from '../fanouts/fold.js';
import { fanoutProgressView } from '../fanouts/progress.js';
import { schedulesView } from '../schedules/fold.js';
import { statesView } from '../states/fold.js';
import { targetsView } from '../targets/fold.js';
import { tasksView } from '../tasks/fold.js';
import { tenantsView } from '../tenants/fold.js';
import { type ProjectedEvent } from './projected-event.js';
import { type View, type ViewRows } from './view-rows.js';

// A deleted state takes its targets along, so states come before targets; progress asks where a task was.
const views: readonly View[] = [
  tenantsView,
  agentsView,
  fanoutProgressView,
  tasksView,
  statesView,
  targetsView,
  schedulesView,
  fanoutsView,
  commandsView,
  eventsView,
];

export function wantRows(events: readonly ProjectedEvent[], rows: ViewRows): void {
  for (const event of events) for (const view of views) view.want(event, rows);
}

/** What the rows that are loaded make `foldEvents` ask for besides. */
export function wantRelatedRows(rows: ViewRows): void {
  for (const view of views) view.wantRelated?.(rows);
}

/** Event by event through every view: how the log is cut into batches makes no difference. */
export function foldEvents(events: readonly ProjectedEvent[], rows: ViewRows): void {
  for (const event of events) for (const view of views) view.fold(event, rows);
}
