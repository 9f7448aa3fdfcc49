import { type EventData, type StateSpec } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';
import { isOpen } from './wall-clock.js';

/** Between a decision and the time that its batch is given. */
const slackMs = 1_000;

/** No remediation is asked for while the state's windows are shut, by an oracle of its own. */
export function insistWindow(
  { windows }: StateSpec,
  data: EventData<'remediation.requested'>,
  timeMs: number,
  counters: Counters,
): void {
  if (!windows || windows.length === 0) return;
  counters.add('remediation in a window');
  const open = isOpen(windows, timeMs) || isOpen(windows, timeMs - slackMs);
  const text = () => `${data.task_id} at ${timeMs}, and shut are ${JSON.stringify(windows)}`;
  insist(open, 'change windows', text);
}
