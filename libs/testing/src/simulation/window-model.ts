import { type ChangeWindow, type Fact } from '@fluxforge/events/catalogue';
import { type Counters } from './counters.js';
import { insist } from './violation.js';
import { isOpen } from './wall-clock.js';

/** Between a decision and the time that its batch is given. */
const slackMs = 1_000;

type Requested = Extract<Fact, { type: 'remediation.requested' }>;
type Leased = Extract<Fact, { type: 'task.leased' }>;

/** No remediation is asked for while its state's windows are shut, and none begins then, by an oracle of its own. */
export class WindowModel {
  /** What each remediation was asked for under, and when: a later generation's windows are not its own. */
  private readonly asked = new Map<
    string,
    { readonly windows: readonly ChangeWindow[]; readonly atMs: number }
  >();

  constructor(private readonly counters: Counters) {}

  requested({ tenantId, data, timeMs }: Requested, windows: readonly ChangeWindow[] | undefined): void {
    if (!windows || windows.length === 0) return;
    this.asked.set(`${tenantId}/${data.task_id}`, { windows, atMs: timeMs });
    this.counters.add('remediation in a window');
    const open = isOpen(windows, timeMs) || isOpen(windows, timeMs - slackMs);
    insist(open, 'change windows', () => `${data.task_id} ${shut(windows, timeMs)}`);
  }

  leased({ tenantId, data, timeMs }: Leased): void {
    const asked = this.asked.get(`${tenantId}/${data.task_id}`);
    // By a clock that is behind the other owner's: the request, judged by its own, stands for it.
    if (!asked || timeMs < asked.atMs) return;
    const { windows } = asked;
    this.counters.add('apply in a window');
    const text = () => `the lease of ${data.task_id} ${shut(windows, timeMs)}`;
    insist(isOpen(windows, timeMs), 'change windows', text);
  }
}

function shut(windows: readonly ChangeWindow[], timeMs: number): string {
  return `at ${timeMs}, and shut are ${JSON.stringify(windows)}`;
}
