import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { type ExitOf } from '../../scripts/infra/index.mjs';
import { backoffMs } from '../../scripts/start/backoff.mjs';
import { demoStates, quote } from '../../scripts/start/demo-states.mjs';
import { findReady } from '../../scripts/start/node-service.mjs';
import { parseBootstrap } from '../../scripts/start/parse-bootstrap.mjs';
import { Story } from '../../scripts/start/story.mjs';
import { Supervisor, type SupervisedService } from '../../scripts/start/supervisor.mjs';

const sh = (command: string) => spawnSync('/bin/sh', ['-c', command], { encoding: 'utf8' });

describe('the example states', () => {
  it('quotes any text as one word of the shell', () => {
    const text = `it's "odd" $HOME \`x\` \\ *`;
    expect(sh(`printf %s ${quote(text)}`).stdout).toBe(text);
  });

  it('find their drift, mend it, and touch their own folder only', () => {
    const folder = fs.mkdtempSync(path.join(os.tmpdir(), "fluxforge demo's "));
    try {
      for (const { file, body } of demoStates(folder)) {
        expect(file.startsWith(folder)).toBe(true);
        expect(sh(body.check_cmd).status).not.toBe(0);
        expect(sh(body.apply_cmd)).toMatchObject({ status: 0, stderr: '' });
        expect(sh(body.check_cmd).status).toBe(0);
        fs.appendFileSync(file, 'tampered');
        expect(sh(body.check_cmd).status).not.toBe(0);
        fs.rmSync(file);
        sh(body.apply_cmd);
        expect(sh(body.check_cmd).status).toBe(0);
      }
      const key = path.join(folder, 'edge-1', 'service.key');
      const { check_cmd: check, apply_cmd: apply } = demoStates(folder).find((s) => s.file === key)!.body;
      fs.chmodSync(key, 0o644);
      expect(sh(check).status).not.toBe(0);
      sh(apply);
      expect(fs.statSync(key).mode & 0o777).toBe(0o600);
    } finally {
      fs.rmSync(folder, { recursive: true, force: true });
    }
  });
});

describe('the story of a state', () => {
  it('goes from drifted to verified with its times', () => {
    const story = new Story();
    const at = (seconds: number) => new Date(1_700_000_000_000 + seconds * 1000).toISOString();
    const data = { agent_id: 'a1' };
    const told = [
      { type: 'state.declared.v1', time: at(0) },
      { type: 'targets.changed.v1', time: at(0), data: {} },
      { type: 'drift.detected.v1', time: at(1), data },
      { type: 'remediation.requested.v1', time: at(1), data },
      { type: 'remediation.applied.v1', time: at(3), data },
      { type: 'compliance.restored.v2', time: at(4), data },
    ].map((event) => story.add(event));
    expect(told.map((news) => news?.kind)).toEqual([
      'declared',
      undefined,
      'drifted',
      undefined,
      'remediated',
      'verified',
    ]);
    expect(told[4]).toMatchObject({ agentId: 'a1', tookMs: 2000 });
    expect(told[5]).toMatchObject({ agentId: 'a1', tookMs: 3000 });
  });
});

describe('what processes print', () => {
  it('finds the ready line among others, and not in half a line', () => {
    expect(findReady('x\n{"level":30,"msg":"starting"}\n')).toBeUndefined();
    expect(findReady('{"level":30,"msg":"ready","http":"127.0')).toBeUndefined();
    expect(findReady('noise\n{"level":30,"http":"h","msg":"ready"}\n')).toMatchObject({ http: 'h' });
  });

  it('finds the line of the bootstrap, and says when there is none', () => {
    const line = '{"tenant_id":"t","api_key":null,"created":false}';
    expect(parseBootstrap(`{"msg":"made","tenant_id":"t"}\n${line}\n`)).toMatchObject({ tenant_id: 't' });
    expect(() => parseBootstrap('{"msg":"nothing"}\n')).toThrow(/did not print/);
  });
});

describe('the supervisor', () => {
  const fake = () => {
    let end!: (exit: ExitOf) => void;
    const exited = new Promise<ExitOf>((resolve) => {
      end = resolve;
    });
    const service: SupervisedService & { end(): void } = {
      pid: 1,
      exited,
      end: () => end({ code: null, signal: 'SIGKILL' }),
      stop: async () => end({ code: 0, signal: null }),
      kill9: async () => undefined,
    };
    return service;
  };
  const until = async (probe: () => boolean) => {
    const deadline = Date.now() + 5000;
    while (!probe() && Date.now() < deadline) await new Promise((resolve) => setTimeout(resolve, 5));
    expect(probe()).toBe(true);
  };

  it('doubles its wait up to a cap', () => {
    expect([1, 2, 3, 4].map(backoffMs)).toEqual([250, 500, 1000, 2000]);
    expect(backoffMs(50)).toBe(10_000);
  });

  it('starts again what ended, also when the next start fails once', async () => {
    const told: string[] = [];
    const started: ReturnType<typeof fake>[] = [];
    let calls = 0;
    const supervisor = new Supervisor((text) => told.push(text));
    await supervisor.add('api', async () => {
      calls += 1;
      if (calls === 2) throw new Error('port in use');
      started.push(fake());
      return started.at(-1)!;
    });
    started[0]!.end();
    await until(() => started.length === 2);
    expect(told).toEqual([
      'api: ended with SIGKILL; starting it again in 0.25 s',
      'api: port in use; starting it again in 0.50 s',
      'api is back (process 1)',
    ]);
    await supervisor.stop();
  });

  it('starts nothing once a stop has begun, and ends a start that was under way', async () => {
    const supervisor = new Supervisor(() => undefined);
    let starts = 0;
    const starting = fake();
    const adding = supervisor.add('api', async (onSpawn) => {
      starts += 1;
      onSpawn(starting);
      await starting.exited;
      throw new Error('ended before it was ready');
    });
    const refused = expect(adding).rejects.toThrow('ended before');
    await supervisor.stop();
    await refused;
    expect(await starting.exited).toEqual({ code: 0, signal: null });
    expect(starts).toBe(1);
  });

  it('hands the failure of a first start to its caller', async () => {
    const supervisor = new Supervisor(() => undefined);
    const failing = () => Promise.reject(new Error('no'));
    await expect(supervisor.add('api', failing)).rejects.toThrow('no');
    await supervisor.stop();
  });
});
