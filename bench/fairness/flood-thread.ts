import { parentPort, workerData } from 'node:worker_threads';
import { Client, type Answer } from '../support/client.js';
import { type FloodOrder, type Tally } from './flood.js';

const tickMs = 2;
const noop = { executor: 'noop' };

class Flooding {
  private readonly tenants: { readonly client: Client; inFlight: number }[];
  private readonly startMs = performance.now();
  private readonly calls = new Set<Promise<void>>();
  private readonly shed: Record<string, number> = {};
  private sent = 0;
  private accepted = 0;
  private failed = 0;
  private unsent = 0;
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(private readonly order: FloodOrder) {
    this.tenants = order.keys.map((key) => ({ client: new Client(order.url, key), inFlight: 0 }));
  }

  start(): void {
    if (this.order.perSecond > 0) {
      this.timer = setInterval(() => this.sendDue(), tickMs);
      return;
    }
    for (const tenant of this.tenants) {
      for (let i = 0; i < this.order.maxInFlight; i++) this.track(this.again(tenant));
    }
  }

  async stop(): Promise<Tally> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    const seconds = (performance.now() - this.startMs) / 1000;
    const { sent, accepted } = this;
    await Promise.all(this.calls);
    for (const { client } of this.tenants) client.close();
    const { shed, failed, unsent } = this;
    // What goes on behind the end counts for no rate.
    return { seconds, sent, accepted, shed, failed, unsent };
  }

  private sendDue(): void {
    const due = Math.floor(((performance.now() - this.startMs) / 1000) * this.order.perSecond);
    while (this.sent + this.unsent < due) {
      const tenant = this.tenants[(this.sent + this.unsent) % this.tenants.length];
      if (tenant && tenant.inFlight < this.order.maxInFlight) this.track(this.submit(tenant));
      else this.unsent += 1;
    }
  }

  private async again(tenant: Flooding['tenants'][number]): Promise<void> {
    while (!this.stopped) await this.submit(tenant);
  }

  private async submit(tenant: Flooding['tenants'][number]): Promise<void> {
    this.sent += 1;
    tenant.inFlight += 1;
    try {
      this.count(await tenant.client.post('/v1/tasks', noop));
    } catch {
      this.failed += 1;
    } finally {
      tenant.inFlight -= 1;
    }
  }

  private count({ status, body }: Answer): void {
    if (status === 202) this.accepted += 1;
    else if (status === 429) {
      const { limit } = body as { limit: string };
      this.shed[limit] = (this.shed[limit] ?? 0) + 1;
    } else this.failed += 1;
  }

  private track(call: Promise<void>): void {
    this.calls.add(call);
    void call.finally(() => this.calls.delete(call));
  }
}

if (!parentPort) throw new Error('this is the entry of a worker thread; run main.js');
const port = parentPort;
const flooding = new Flooding(workerData as FloodOrder);
flooding.start();
port.once('message', () => {
  void flooding.stop().then((tally) => {
    port.postMessage(tally);
    port.close();
  });
});
