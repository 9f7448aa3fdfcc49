import { type ContextName } from '@fluxforge/events/catalogue';
import { type WriteToken } from '@fluxforge/read-models';

const contexts: Readonly<Record<string, ContextName>> = { t: 'tasks', s: 'states' };

/** Where a command lies, opaque to users. It gives no rights: all it can do is make a read wait. */
export function formatToken(token: WriteToken): string {
  return Buffer.from(`1${token.context[0]}${token.partition}.${token.offset}`).toString('base64url');
}

export function parseToken(text: string): WriteToken | null {
  if (text.length > 64) return null;
  const match = /^1([ts])(\d{1,5})\.(\d{1,16})$/.exec(Buffer.from(text, 'base64url').toString('latin1'));
  const context = contexts[match?.[1] ?? ''];
  if (!match || !context) return null;
  const token = { context, partition: Number(match[2]), offset: Number(match[3]) };
  // One spelling per position: base64url decodes more than it writes.
  return Number.isSafeInteger(token.offset) && formatToken(token) === text ? token : null;
}
