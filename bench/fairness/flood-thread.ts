import { parentPort, workerData } from 'node:worker_threads';
import { Client, type Answer } from '../support/client.js';
import { type FloodOrder, type Order, type Tally } from './flood.js';
import { idOf, kinds, Mix, type Ask, type Kind } from './mix.js';

const tickMs = 2;

interface Tenant {
  readonly client: Client;
  readonly mix: Mix;
  inFlight: number;
}

class Count {
  readonly startMs = performance.now();
  readonly byKind = Object.fromEntries(kinds.map((kind) => [kind, 0])) as Record<Kind, number>;
  readonly shed: Record<string, number> = {};
  readonly refused: Record<string, number> = {};
  sent = 0;
  accepted = 0;
  failed = 0;
  unsent = 0;

  answered({ kind, learn }: Ask, answer: Answer): void {
    const { status, body } = answer;
    const problem = body as { limit?: string; code?: string };
    if (status === 202) {
      this.accepted += 1;
      this.byKind[kind] += 1;
      const id = idOf(answer);
      if (id !== null) learn(id);
    } else if (status === 429) add(this.shed, problem.limit);
    else if (status >= 400 && status < 500) add(this.refused, problem.code);
    else this.failed += 1;
  }

  tally(): Tally {
    const { startMs, ...counted } = this;
    return { ...counted, seconds: (performance.now() - startMs) / 1000 };
  }
}

function add(counts: Record<string, number>, name = 'unnamed'): void {
  counts[name] = (counts[name] ?? 0) + 1;
}

class Flooding {
  private readonly tenants: Tenant[];
  private readonly startMs = performance.now();
  private readonly calls = new Set<Promise<void>>();
  private count = new Count();
  private made = 0;
  private timer: NodeJS.Timeout | null = null;
  private stopped = false;

  constructor(private readonly order: FloodOrder) {
    this.tenants = order.keys.map((key) => ({
      client: new Client(order.url, key),
      mix: new Mix(`flood-${Date.now()}`),
      inFlight: 0,
    }));
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

  /** What is answered later counts for what comes next. */
  tally(): Tally {
    const tally = this.count.tally();
    this.count = new Count();
    return tally;
  }

  async stop(): Promise<Tally> {
    this.stopped = true;
    if (this.timer) clearInterval(this.timer);
    const tally = this.tally();
    await Promise.all(this.calls);
    for (const { client } of this.tenants) client.close();
    return tally;
  }

  private sendDue(): void {
    const due = Math.floor(((performance.now() - this.startMs) / 1000) * this.order.perSecond);
    for (; this.made < due; this.made++) {
      const tenant = this.tenants[this.made % this.tenants.length];
      if (tenant && tenant.inFlight < this.order.maxInFlight) this.track(this.send(tenant));
      else this.count.unsent += 1;
    }
  }

  private async again(tenant: Tenant): Promise<void> {
    while (!this.stopped) await this.send(tenant);
  }

  private async send(tenant: Tenant): Promise<void> {
    this.count.sent += 1;
    tenant.inFlight += 1;
    const ask = tenant.mix.next();
    try {
      const answer = await tenant.client.send(ask.method, ask.path, ask.body);
      this.count.answered(ask, answer);
    } catch {
      this.count.failed += 1;
    } finally {
      tenant.inFlight -= 1;
    }
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
port.on('message', (order: Order) => {
  if (order === 'tally') return port.postMessage(flooding.tally());
  void flooding.stop().then((tally) => {
    port.postMessage(tally);
    port.close();
  });
});
