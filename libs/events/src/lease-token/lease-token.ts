import { createHmac, timingSafeEqual } from 'node:crypto';
import { Type, type Static } from '@sinclair/typebox';
import { TypeCompiler } from '@sinclair/typebox/compiler';

/**
 * A lease as the agent shows it to the API beside its output. The dispatcher signs it, the API verifies it
 * by itself: neither asks the other, and the API needs no view of the leases.
 */
const LeaseClaim = Type.Object(
  {
    tenant_id: Type.String({ minLength: 1, maxLength: 128 }),
    agent_id: Type.String({ minLength: 1, maxLength: 128 }),
    task_id: Type.String({ minLength: 1, maxLength: 128 }),
    life: Type.Integer({ minimum: 1 }),
    attempt: Type.Integer({ minimum: 1 }),
    /** Wall clock. Well after the lease itself: output may arrive when the run is over. */
    expires_at_ms: Type.Integer({ minimum: 0 }),
  },
  { additionalProperties: false },
);
export type LeaseClaim = Static<typeof LeaseClaim>;

export type LeaseTokenVerdict =
  | { readonly kind: 'valid'; readonly claim: LeaseClaim }
  | { readonly kind: 'malformed' | 'forged' | 'expired' };

/** A token above this length is not looked at: real ones have about 300 characters. */
const maxTokenLength = 2048;
const claimCheck = TypeCompiler.Compile(LeaseClaim);

/** `BASE64URL(claim as JSON) . BASE64URL(mac)`. */
export function signLease(claim: LeaseClaim, key: string): string {
  // Field by field, so that the same claim gives the same token whatever order it was built in.
  const payload = Buffer.from(
    JSON.stringify({
      tenant_id: claim.tenant_id,
      agent_id: claim.agent_id,
      task_id: claim.task_id,
      life: claim.life,
      attempt: claim.attempt,
      expires_at_ms: claim.expires_at_ms,
    }),
  ).toString('base64url');
  return `${payload}.${macOf(payload, key).toString('base64url')}`;
}

export function verifyLease(token: string, key: string, nowMs: number): LeaseTokenVerdict {
  if (token.length > maxTokenLength) return { kind: 'malformed' };
  const [payload, mac, ...rest] = token.split('.');
  if (!payload || !mac || rest.length > 0) return { kind: 'malformed' };
  const given = Buffer.from(mac, 'base64url');
  const expected = macOf(payload, key);
  // The length of a MAC is no secret; its bytes are compared in constant time.
  if (given.length !== expected.length || !timingSafeEqual(given, expected)) return { kind: 'forged' };
  const claim = parseClaim(payload);
  if (!claim) return { kind: 'malformed' };
  return claim.expires_at_ms <= nowMs ? { kind: 'expired' } : { kind: 'valid', claim };
}

/** The purpose is part of what is signed: a MAC made for anything else with the same key is none here. */
function macOf(payload: string, key: string): Buffer {
  return createHmac('sha256', key).update(`fluxforge lease token v1\n${payload}`).digest();
}

function parseClaim(payload: string): LeaseClaim | null {
  try {
    const parsed: unknown = JSON.parse(Buffer.from(payload, 'base64url').toString('utf8'));
    return claimCheck.Check(parsed) ? parsed : null;
  } catch {
    return null;
  }
}
