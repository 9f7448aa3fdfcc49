import { type Client } from './client.js';
import { nowUs } from './clock.js';

export interface Submitted {
  readonly id: string;
  readonly sentUs: number;
  readonly ackedUs: number;
}

const noop = { executor: 'noop' };

async function submit(client: Client): Promise<Submitted> {
  const sentUs = nowUs();
  const { status, body } = await client.post('/v1/tasks', noop);
  if (status !== 202) throw new Error(`submit answered ${status}: ${JSON.stringify(body)}`);
  return { id: (body as { id: string }).id, sentUs, ackedUs: nowUs() };
}

/** Submits at a fixed pace, whatever the answers take. */
export async function openLoop(
  client: Client,
  perSecond: number,
  seconds: number,
): Promise<{ submitted: Submitted[]; lateMs: number }> {
  const total = perSecond * seconds;
  const startUs = nowUs();
  const calls: Promise<Submitted>[] = [];
  let lateUs = 0;
  for (let i = 0; i < total; i++) {
    const dueUs = startUs + (i * 1e6) / perSecond;
    const waitMs = (dueUs - nowUs()) / 1000;
    if (waitMs > 0) await new Promise((resolve) => setTimeout(resolve, waitMs));
    lateUs = Math.max(lateUs, nowUs() - dueUs);
    const call = submit(client);
    // Whoever waits for all of them hears of it.
    call.catch(() => undefined);
    calls.push(call);
  }
  return { submitted: await Promise.all(calls), lateMs: lateUs / 1000 };
}

/** Keeps `inFlight` submissions under way until `total` are acknowledged. */
export async function closedLoop(client: Client, total: number, inFlight: number): Promise<Submitted[]> {
  const submitted: Submitted[] = [];
  let left = total;
  const worker = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      submitted.push(await submit(client));
    }
  };
  await Promise.all(Array.from({ length: inFlight }, worker));
  return submitted;
}
