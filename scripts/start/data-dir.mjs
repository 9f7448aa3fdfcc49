// What `npm start` keeps between two starts, all below one folder:
//   launcher.lock   who uses it now                 settings.json  ports, tenant
//   secrets.json    API key, signing key (0600)     kafka/ postgres/ logs/ services/ agents/ demo/
import { randomBytes } from 'node:crypto';
import fs from 'node:fs';
import path from 'node:path';
import { inRoot } from '../lib/paths.mjs';
import { freePort, portIsFree } from '../lib/ports.mjs';
import { holderOf, tryLock } from '../lib/lock.mjs';
import { endProcesses, findByRunId } from '../lib/procs.mjs';

// Addresses that people meet get ports that they can remember, when those are free.
const WELL_KNOWN = { apiHttp: 7070, apiGrpc: 7071, dispatcherGrpc: 7072, usersGrpc: 7073 };
const PORTS = ['kafka', 'postgres', 'apiHttp', 'apiGrpc', 'dispatcherGrpc', 'usersGrpc'];
const OPS = ['dispatcherOps', 'reconcilerOps', 'projectorOps', 'agent1Ops', 'agent2Ops'];

function readJson(file) {
  try {
    return JSON.parse(fs.readFileSync(file, 'utf8'));
  } catch (error) {
    if (error.code === 'ENOENT') return {};
    throw new Error(`${file} cannot be read: ${error.message}`, { cause: error });
  }
}

/** Whole or not at all: a crash in the middle leaves the former content. */
function writeJson(file, value, mode) {
  const draft = `${file}.${process.pid}.tmp`;
  fs.writeFileSync(draft, `${JSON.stringify(value, null, 2)}\n`, { mode });
  fs.renameSync(draft, file);
}

export class DataDir {
  constructor(folder = process.env.FLUXFORGE_DATA_DIR || inRoot('.data')) {
    this.folder = path.resolve(folder);
    // Others may pass through (Postgres may run as another user) but not look around.
    fs.mkdirSync(this.folder, { recursive: true, mode: 0o711 });
    for (const name of ['kafka', 'logs', 'services', 'agents']) this.#private(name);
    this.settings = readJson(this.path('settings.json'));
    this.secrets = readJson(this.path('secrets.json'));
  }

  path(...parts) {
    return path.join(this.folder, ...parts);
  }

  #private(name) {
    fs.mkdirSync(this.path(name), { recursive: true, mode: 0o700 });
  }

  /** Refuses a folder that another launcher uses now; ends what a dead one has left running. */
  async take(runId) {
    const lock = this.path('launcher.lock');
    const former = holderOf(lock) ? undefined : readJson(lock).runId;
    if (!tryLock(lock, { runId })) {
      const pid = holderOf(lock)?.pid;
      throw new Error(
        `${this.folder} is in use by another start (process ${pid}): stop it first (kill ${pid})`,
      );
    }
    const left = former ? findByRunId(former) : [];
    await endProcesses(left, { graceMs: 15_000 });
    return left.length;
  }

  release() {
    fs.rmSync(this.path('launcher.lock'), { force: true });
  }

  saveSettings(changes) {
    this.settings = { ...this.settings, ...changes };
    writeJson(this.path('settings.json'), this.settings, 0o644);
  }

  saveSecrets(changes) {
    this.secrets = { ...this.secrets, ...changes };
    writeJson(this.path('secrets.json'), this.secrets, 0o600);
  }

  signingKey() {
    if (!this.secrets.signing_key) this.saveSecrets({ signing_key: randomBytes(32).toString('base64url') });
    return this.secrets.signing_key;
  }

  /** The ports of the last start where they are free; others for the rest. `moved` names those that changed. */
  async choosePorts() {
    const stored = this.settings.ports ?? {};
    const ports = {};
    const moved = [];
    for (const name of [...PORTS, ...OPS]) {
      const wanted = stored[name] ?? WELL_KNOWN[name];
      const taken = () => Object.values(ports);
      const usable = wanted !== undefined && !taken().includes(wanted) && (await portIsFree(wanted));
      let port = usable ? wanted : await freePort();
      while (!usable && taken().includes(port)) port = await freePort();
      if (wanted !== undefined && port !== wanted) moved.push(`${name} ${wanted} -> ${port}`);
      ports[name] = port;
    }
    this.saveSettings({ ports });
    return { ports, moved };
  }

  /** Another one for each of these ports that somebody has taken since it was chosen. */
  async replaceTaken(ports, names) {
    for (const name of names) {
      if (!(await portIsFree(ports[name]))) ports[name] = await freePort();
    }
    this.saveSettings({ ports });
  }
}
