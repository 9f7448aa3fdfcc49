import { type Discovery } from '../control-stream/index.js';
import { text } from './enrol.js';
import { requestJson } from './http.js';
import { type EnrolledIdentity } from './enrol.js';
import { type IdentityFile } from './identity.js';

const DEADLINE_MS = 5000;

/** Addresses of the dispatcher and of the output server: asked of the API, remembered on disk. */
export class Whereabouts implements Discovery {
  constructor(
    private readonly apiUrl: string,
    private readonly file: IdentityFile,
    private identity: EnrolledIdentity,
    private readonly onTrouble: (error: unknown) => void,
  ) {}

  async find(): Promise<{ address: string; generation: number }> {
    const url = new URL('/v1/dispatchers', this.apiUrl);
    url.searchParams.set('tenant_id', this.identity.enrolled.tenantId);
    const { status, body } = await requestJson('GET', url, DEADLINE_MS);
    if (status !== 200) throw new Error(`the API answered ${status}`);
    const outputAddress = text(body, 'output_address');
    if (outputAddress !== '') this.store({ outputAddress });
    return { address: text(body, 'address'), generation: generationOf(body) };
  }

  remembered(): string {
    return this.identity.enrolled.dispatcherAddress;
  }

  remember(dispatcherAddress: string): void {
    this.store({ dispatcherAddress });
  }

  outputAddress(): string {
    return this.identity.enrolled.outputAddress;
  }

  private store(change: { dispatcherAddress?: string; outputAddress?: string }): void {
    const { enrolled } = this.identity;
    const next = { ...enrolled, ...change };
    if (
      next.dispatcherAddress === enrolled.dispatcherAddress &&
      next.outputAddress === enrolled.outputAddress
    )
      return;
    this.identity = { ...this.identity, enrolled: next };
    // A convenience for the next start, so a full disk is no reason to stop.
    this.file.save(this.identity).catch(this.onTrouble);
  }
}

function generationOf(body: unknown): number {
  if (typeof body !== 'object' || body === null) return -1;
  const { generation } = body as { generation?: unknown };
  return typeof generation === 'number' ? generation : -1;
}
