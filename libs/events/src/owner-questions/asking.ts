import { request } from 'node:http';
import { proofOf, questionLimitBytes, type Question } from './question.js';

/**
 * Nobody is there, the partition is led elsewhere, too many others ask, the deadline passed, or the question is too
 * large to be asked of any owner. Nothing was changed by asking.
 */
export class OwnerDidNotAnswer extends Error {
  constructor(readonly why: 'unreachable' | 'not_led_there' | 'busy' | 'refused' | 'too_large') {
    super(`the owner did not answer: ${why}`);
  }
}

export interface Asking {
  /** `host:port` */
  readonly address: string;
  readonly signingKey: string;
  readonly timeoutMs: number;
}

const answerLimitBytes = 4 * 1024 * 1024;

/** The owner's answer, a JSON value; null when it knows nothing of that name. */
export function askOwner({ address, signingKey, timeoutMs }: Asking, question: Question): Promise<unknown> {
  const payload = JSON.stringify(question);
  const bytes = Buffer.byteLength(payload);
  if (bytes > questionLimitBytes) return Promise.reject(new OwnerDidNotAnswer('too_large'));
  const headers = {
    authorization: `Bearer ${proofOf(signingKey)}`,
    'content-type': 'application/json',
    'content-length': bytes,
  };
  return new Promise((resolve, reject) => {
    const unreachable = () => reject(new OwnerDidNotAnswer('unreachable'));
    const call = request(`http://${address}/`, { method: 'POST', headers, agent: false }, (response) => {
      const parts: Buffer[] = [];
      let bytes = 0;
      response.on('error', unreachable);
      response.on('data', (part: Buffer) => {
        bytes += part.length;
        if (bytes > answerLimitBytes) call.destroy(new Error('the answer is too large'));
        else parts.push(part);
      });
      response.on('end', () => {
        if (response.statusCode === 409) return reject(new OwnerDidNotAnswer('not_led_there'));
        if (response.statusCode === 503) return reject(new OwnerDidNotAnswer('busy'));
        if (response.statusCode !== 200) return reject(new OwnerDidNotAnswer('refused'));
        try {
          const { result } = JSON.parse(Buffer.concat(parts).toString('utf8')) as { result: unknown };
          resolve(result);
        } catch {
          unreachable();
        }
      });
    });
    const timer = setTimeout(() => call.destroy(new Error('deadline')), timeoutMs);
    call.on('error', unreachable);
    call.on('close', () => clearTimeout(timer));
    call.end(payload);
  });
}
