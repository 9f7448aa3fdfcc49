import { type FanoutSpec, type TaskSpec } from '@fluxforge/events/catalogue';
import { drawTaskSpec } from '../workload/index.js';
import { type SendTo } from './admission-clients.js';
import { type FanoutModels } from './fanout-model.js';
import { retried, retryId } from './fanout-retries.js';
import { type Prng } from './prng.js';

const most = 12;

/** Users who run one thing on many agents, change their minds, and try again what came out badly. */
export class FanoutClients {
  private made = 0;

  constructor(
    private readonly prng: Prng,
    private readonly send: SendTo,
    private readonly models: readonly FanoutModels[],
  ) {}

  act(tenantId: string, nowMs: number): void {
    if (this.made >= most) return;
    this.made += 1;
    const ids = this.models.flatMap((model) => [...model.ids(tenantId)]);
    const draw = this.prng.next();
    if (ids.length > 0 && draw < 0.2) {
      return this.send(tenantId, { type: 'fanout.cancel', data: { fanout_id: this.prng.pick(ids) } });
    }
    const fanout_id = `fan-${this.made}`;
    if (ids.length > 0 && draw < 0.5) {
      const of_fanout_id = this.prng.pick(ids);
      const members = retried.filter(() => this.prng.chance(0.7));
      if (members.length === 0) members.push('failed');
      const data = { fanout_id: retryId(fanout_id, members), of_fanout_id, members };
      return this.send(tenantId, { type: 'fanout.retry', data });
    }
    this.send(tenantId, { type: 'fanout.start', data: { fanout_id, spec: this.drawSpec(nowMs) } });
  }

  private drawSpec(nowMs: number): FanoutSpec {
    const { prng } = this;
    const { agent_id: _, ...task }: TaskSpec = drawTaskSpec(prng, { nowMs, agentIds: ['any'] });
    const zone = { key: 'zone', op: 'in' as const, values: [prng.pick(['a', 'b'])] };
    return {
      task,
      selector: prng.chance(0.3) ? [zone] : [],
      max_concurrency: prng.pick([{ count: 0 }, { count: 1 }, { percent: 50 }, { percent: 100 }]),
      max_failures: prng.pick([{ count: 0 }, { count: 0 }, { count: 1 }, { percent: 100 }]),
    };
  }
}
