import {
  Check,
  type ControlMessageBody,
  Lease,
  type LeaseKey,
  type Result,
  leaseKeyText,
} from '@fluxforge/agent-protocol';
import { FakeApi } from './fake-api.js';
import { FakeDispatcher } from './fake-dispatcher.js';
import { FakeOutput } from './fake-output.js';

/** Everything an agent talks to, over real HTTP and real gRPC, and nothing behind it. */
export class FakeControlPlane {
  readonly dispatcher = new FakeDispatcher();
  readonly output = new FakeOutput();
  readonly api = new FakeApi({
    dispatcherAddress: () => this.dispatcher.address,
    outputAddress: () => this.output.address,
  });

  async start(): Promise<void> {
    await Promise.all([this.dispatcher.start(), this.output.start()]);
    await this.api.start();
  }

  async stop(): Promise<void> {
    await Promise.all([this.dispatcher.stop(), this.output.stop(), this.api.stop()]);
  }

  lease(key: LeaseKey, script: string, more: Partial<Lease> = {}): void {
    this.dispatcher.order(this.leaseBody(key, script, more));
  }

  leaseBody(key: LeaseKey, script: string, more: Partial<Lease> = {}): ControlMessageBody {
    const lease = Lease.fromPartial({
      key,
      term: this.dispatcher.term,
      durationMs: this.dispatcher.leaseDurationMs,
      executor: 'shell',
      command: { form: { $case: 'script', script } },
      killGraceMs: 300,
      outputToken: `token-${key.taskId}`,
      ...more,
    });
    return { $case: 'lease', lease };
  }

  check(stateId: string, script: string, more: Partial<Check> = {}): void {
    const check = Check.fromPartial({
      stateId,
      generation: 1,
      round: 1,
      command: { form: { $case: 'script', script } },
      timeoutMs: 5000,
      ...more,
    });
    this.dispatcher.order({ $case: 'check', check: { checks: [check] } });
  }

  async result(key: LeaseKey, withinMs?: number): Promise<Result> {
    const isIts = ({ result }: { result: Result }): boolean =>
      result.key !== undefined && leaseKeyText(result.key) === leaseKeyText(key);
    return (await this.dispatcher.first('result', isIts, withinMs)).result;
  }
}

export function keyOf(taskId: string, attempt = 1, life = 1): LeaseKey {
  return { taskId, life, attempt };
}
