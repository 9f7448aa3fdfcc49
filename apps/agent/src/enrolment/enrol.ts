import { type Logger } from '@fluxforge/telemetry';
import { fullJitterMs } from '../control-stream/index.js';
import { errorText } from '../machine/index.js';
import { requestJson } from './http.js';
import { type Enrolled, type Identity, type IdentityFile, credentialHash, newIdentity } from './identity.js';

export interface EnrolmentRequest {
  apiUrl: string;
  joinToken: string | undefined;
  name: string;
  labels: Readonly<Record<string, string>>;
  slots: number;
  executors: readonly string[];
  agentVersion: string;
  bootId: string;
}

export type EnrolledIdentity = Identity & { enrolled: Enrolled };

export class EnrolmentRefused extends Error {
  constructor(status: number, detail: string) {
    super(`enrolment refused by the API (${status}): ${detail}`);
    this.name = 'EnrolmentRefused';
  }
}

const DEADLINE_MS = 10_000;
const BACKOFF = { baseMs: 250, capMs: 10_000 };
/** Answers that another try may change: too early, too many requests. */
const PASSING = new Set([408, 425, 429]);

/** The identity on disk, or a new one, enrolled. Tries for ever; gives up only when it is refused. */
export async function enrol(
  file: IdentityFile,
  request: EnrolmentRequest,
  log: Logger,
  isStopped: () => boolean,
): Promise<EnrolledIdentity | undefined> {
  const identity = await loadOrMake(file);
  if (identity.enrolled !== undefined) return { ...identity, enrolled: identity.enrolled };
  if (request.joinToken === undefined) {
    throw new EnrolmentRefused(0, 'this agent is not enrolled, and FLUXFORGE_AGENT_JOIN_TOKEN is not set');
  }
  for (let failures = 1; !isStopped(); failures += 1) {
    const enrolled = await tryOnce(identity, request, log);
    if (enrolled !== undefined) {
      const complete = { ...identity, enrolled };
      await file.save(complete);
      return complete;
    }
    await pause(fullJitterMs(failures, BACKOFF, Math.random()), isStopped);
  }
  return undefined;
}

/** Short naps, so that a SIGTERM during a long backoff is heard in time. */
async function pause(ms: number, isStopped: () => boolean): Promise<void> {
  const endsAtMs = performance.now() + ms;
  while (!isStopped() && performance.now() < endsAtMs) {
    await new Promise((resolve) => setTimeout(resolve, Math.min(100, ms)));
  }
}

async function loadOrMake(file: IdentityFile): Promise<Identity> {
  const known = await file.load();
  if (known !== undefined) return known;
  const identity = newIdentity();
  await file.save(identity);
  return identity;
}

async function tryOnce(
  identity: Identity,
  request: EnrolmentRequest,
  log: Logger,
): Promise<Enrolled | undefined> {
  try {
    const url = new URL('/v1/agents/enrol', request.apiUrl);
    const { status, body } = await requestJson('POST', url, DEADLINE_MS, bodyOf(identity, request));
    const detail = problemText(body);
    if (status >= 400 && status < 500 && !PASSING.has(status)) throw new EnrolmentRefused(status, detail);
    if (status === 200 || status === 201) return parseEnrolled(body);
    log.warn({ status, detail }, 'enrolment: the API cannot answer now');
  } catch (error) {
    if (error instanceof EnrolmentRefused) throw error;
    log.warn({ error: errorText(error), api: request.apiUrl }, 'enrolment: no answer from the API');
  }
  return undefined;
}

function bodyOf(identity: Identity, request: EnrolmentRequest): Record<string, unknown> {
  return {
    join_token: request.joinToken,
    name: request.name,
    credential_hash: credentialHash(identity),
    labels: request.labels,
    slots: request.slots,
    executors: request.executors,
    agent_version: request.agentVersion,
    boot_id: request.bootId,
  };
}

function parseEnrolled(body: unknown): Enrolled {
  const agentId = text(body, 'agent_id');
  const tenantId = text(body, 'tenant_id');
  if (agentId === '' || tenantId === '') throw new Error('the answer names no agent_id or tenant_id');
  return {
    agentId,
    tenantId,
    dispatcherAddress: text(body, 'dispatcher_address'),
    outputAddress: text(body, 'output_address'),
  };
}

function problemText(body: unknown): string {
  return [text(body, 'code'), text(body, 'title'), text(body, 'detail')].filter(Boolean).join(': ');
}

export function text(body: unknown, name: string): string {
  if (typeof body !== 'object' || body === null) return '';
  const value = (body as Record<string, unknown>)[name];
  return typeof value === 'string' ? value : '';
}
