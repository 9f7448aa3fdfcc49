import { type CheckRequest } from '@fluxforge/events/catalogue';
import { AppendError, type LogPort } from '@fluxforge/events/log';

const timeoutMs = 3000;

/**
 * Sends check requests to the dispatcher's side. Telemetry: one that is lost is asked again when its
 * target's timer says so, so nothing is tried again here.
 */
export class CheckRequests {
  constructor(
    private readonly log: LogPort,
    private readonly topic: string,
    private readonly onFailed: (reason: string) => void,
  ) {}

  send(partition: number, request: CheckRequest): void {
    const record = { key: request.tenant_id, value: Buffer.from(JSON.stringify(request)), headers: {} };
    this.log
      .append({ topic: this.topic, partition }, [record], { timeoutMs, concurrent: true })
      .catch((error: unknown) => {
        this.onFailed(error instanceof AppendError ? error.failure : 'unknown');
      });
  }
}
