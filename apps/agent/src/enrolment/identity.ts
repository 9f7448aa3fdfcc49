import { createHash, randomBytes } from 'node:crypto';
import { open, readFile, rename } from 'node:fs/promises';
import { join } from 'node:path';
import { errorText, isErrno } from '../machine/index.js';

/**
 * Who this agent is. Made here, before the control plane is asked, and on disk before the request is
 * sent: when the answer is lost, the same hash is enrolled again, which is the same enrolment.
 */
export interface Identity {
  version: 1;
  /** Marks this data directory's processes on this machine. */
  instance: string;
  /** 32 bytes, hex. Never leaves the agent but in the hello of its own control stream. */
  secret: string;
  enrolled?: Enrolled;
}

export interface Enrolled {
  agentId: string;
  tenantId: string;
  dispatcherAddress: string;
  outputAddress: string;
}

export function newIdentity(): Identity {
  return { version: 1, instance: randomBytes(8).toString('hex'), secret: randomBytes(32).toString('hex') };
}

export function credentialHash(identity: Identity): string {
  return createHash('sha256').update(Buffer.from(identity.secret, 'hex')).digest('hex');
}

export class IdentityFile {
  private readonly path: string;

  constructor(private readonly folder: string) {
    this.path = join(folder, 'identity.json');
  }

  async load(): Promise<Identity | undefined> {
    try {
      const value: unknown = JSON.parse(await readFile(this.path, 'utf8'));
      if (isIdentity(value)) return value;
      throw new Error('its content is not an identity');
    } catch (error) {
      if (isErrno(error, 'ENOENT')) return undefined;
      // Never replaced by a new one in silence: the old one may be enrolled and hold leases.
      throw new Error(`the identity in ${this.path} cannot be read: ${errorText(error)}`, { cause: error });
    }
  }

  /** Whole or not at all, and on disk when it returns. */
  async save(identity: Identity): Promise<void> {
    const draft = `${this.path}.draft`;
    const file = await open(draft, 'w', 0o600);
    try {
      await file.writeFile(JSON.stringify(identity));
      await file.sync();
    } finally {
      await file.close();
    }
    await rename(draft, this.path);
    const folder = await open(this.folder, 'r');
    await folder.sync().finally(() => folder.close());
  }
}

function isIdentity(value: unknown): value is Identity {
  if (typeof value !== 'object' || value === null) return false;
  const { instance, secret } = value as Partial<Identity>;
  return typeof instance === 'string' && typeof secret === 'string' && /^[0-9a-f]{64}$/.test(secret);
}
