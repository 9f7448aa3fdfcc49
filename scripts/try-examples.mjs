#!/usr/bin/env node
// Tries every example for real: in a scratch Debian root of its own, in namespaces of its own (mounts,
// network, processes), never on this machine's files.
//   node scripts/try-examples.mjs [NAME...]      names of files in examples/, without .yaml
// Each: not compliant at first, applied, compliant; applied again, still compliant; broken, found, healed.
// Needs root, debootstrap and overlayfs, and Debian's archive for the first run (the root is then kept).
import { spawnSync } from 'node:child_process';
import fs from 'node:fs';
import os from 'node:os';
import path from 'node:path';
import { parseDocuments } from '../cli/documents.mjs';
import { CACHE, inRoot } from './lib/paths.mjs';
import { say, step } from './lib/progress.mjs';

const SUITE = process.env.FLUXFORGE_DEBIAN_SUITE || 'bookworm';
/** Where this machine gets its own packages of the suite from; nothing means debootstrap's default. */
const MIRROR = process.env.FLUXFORGE_DEBIAN_MIRROR || aptMirror();
const BASE = path.join(CACHE, `scratch-root-${SUITE}`);
const BASE_PACKAGES = 'openssh-server,cron,procps';
const DEBOOTSTRAP_MS = 15 * 60_000;
const EXAMPLE_MS = 5 * 60_000;

function aptMirror() {
  const { stdout } = spawnSync('apt-get', ['indextargets', '--format', '$(REPO_URI) $(RELEASE)'], {
    encoding: 'utf8',
  });
  const lines = (stdout ?? '').split('\n').map((line) => line.split(' '));
  return lines.find(([, release]) => release === SUITE)?.[0];
}

/** How a machine drifts from each example. */
const BREAK = {
  'file-content': 'echo more >> /etc/motd',
  'package-present': 'dpkg --remove tree',
  'sshd-setting': 'echo "PermitRootLogin yes" > /etc/ssh/sshd_config.d/00-fluxforge.conf',
  'sysctl-value': 'echo 1 > /proc/sys/net/ipv4/conf/default/accept_redirects',
  'cron-entry': 'chmod 666 /etc/cron.d/fluxforge-cleanup',
  'user-present': 'usermod --shell /bin/sh deploy',
};

/** What the examples would touch, were they let out: must be the same before and after. */
const HOST_FILES = [
  '/etc/motd',
  '/etc/passwd',
  '/etc/group',
  '/var/lib/dpkg/status',
  '/etc/ssh/sshd_config.d',
  '/etc/sysctl.d',
  '/etc/cron.d',
  '/proc/sys/net/ipv4/conf/default/accept_redirects',
];

function main() {
  const lacking = [
    process.getuid?.() !== 0 && 'root (sudo)',
    !found('debootstrap') && 'debootstrap (apt-get install debootstrap)',
    !found('unshare') && 'unshare (apt-get install util-linux)',
  ].filter(Boolean);
  if (lacking.length > 0) return fail(`needed: ${lacking.join(', ')}`);
  const wanted = process.argv.slice(2);
  const names = fs
    .readdirSync(inRoot('examples'))
    .filter((file) => file.endsWith('.yaml'))
    .map((file) => path.basename(file, '.yaml'))
    .filter((name) => wanted.length === 0 || wanted.includes(name));
  if (names.length === 0) return fail(`no such example: ${wanted.join(', ')}`);
  return tryAll(names);
}

async function tryAll(names) {
  if (!fs.existsSync(path.join(BASE, 'ready'))) await step('making a scratch root', makeBase);
  const before = hostState();
  const results = names.map((name) => [name, tryOne(name)]);
  for (const [name, { ok, output }] of results) {
    say(`${ok ? 'holds ' : 'FAILS '} ${name}`);
    if (!ok) say(output.replace(/^/gm, '    '));
  }
  if (hostState() !== before) return fail("an example has changed this machine's own files");
  const bad = results.filter(([, { ok }]) => !ok).length;
  say(`${results.length - bad} passed, ${bad} failed`);
  return bad === 0 ? 0 : 1;
}

function makeBase() {
  fs.rmSync(BASE, { recursive: true, force: true });
  fs.mkdirSync(BASE, { recursive: true });
  const root = path.join(BASE, 'root');
  must(
    'debootstrap',
    ['--variant=minbase', `--include=${BASE_PACKAGES}`, SUITE, root, ...(MIRROR ? [MIRROR] : [])],
    DEBOOTSTRAP_MS,
  );
  // The examples run without a network: what they install is fetched now.
  fs.copyFileSync('/etc/resolv.conf', path.join(root, 'etc/resolv.conf'));
  const fetch = 'apt-get update -q && apt-get install -q -y --download-only --no-install-recommends tree';
  must('chroot', [root, '/bin/sh', '-c', fetch], DEBOOTSTRAP_MS);
  fs.writeFileSync(path.join(BASE, 'ready'), '');
}

function tryOne(name) {
  const [{ body }] = parseDocuments(fs.readFileSync(inRoot('examples', `${name}.yaml`), 'utf8'), name);
  const work = fs.mkdtempSync(path.join(os.tmpdir(), 'fluxforge-example-'));
  try {
    for (const part of ['upper', 'work', 'root']) fs.mkdirSync(path.join(work, part));
    const upper = path.join(work, 'upper', 'try');
    fs.mkdirSync(upper);
    fs.writeFileSync(path.join(upper, 'check'), body.check_cmd);
    fs.writeFileSync(path.join(upper, 'apply'), body.apply_cmd);
    fs.writeFileSync(path.join(upper, 'break'), BREAK[name] ?? 'exit 99');
    fs.writeFileSync(path.join(upper, 'steps'), STEPS);
    const args = [
      '--mount',
      '--net',
      '--pid',
      '--ipc',
      '--uts',
      '--fork',
      '--kill-child',
      '/bin/sh',
      '-c',
      ENTER,
      'enter',
    ];
    const ran = spawnSync('unshare', [...args, path.join(BASE, 'root'), work], {
      encoding: 'utf8',
      timeout: EXAMPLE_MS,
      env: {
        PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin',
        HOME: '/root',
        LC_ALL: 'C',
      },
    });
    return { ok: ran.status === 0, output: `${ran.stdout ?? ''}${ran.stderr ?? ''}${ran.error ?? ''}` };
  } finally {
    fs.rmSync(work, { recursive: true, force: true });
  }
}

/** $1: the base root, $2: a folder for what is written. The mounts are seen in here only and end with it. */
const ENTER = `
set -e
mount --make-rprivate /
mount -t tmpfs none "$2/work"
mkdir "$2/work/upper" "$2/work/work"
cp -a "$2/upper/." "$2/work/upper/"
mount -t overlay overlay -o "lowerdir=$1,upperdir=$2/work/upper,workdir=$2/work/work" "$2/root"
mount -t proc proc "$2/root/proc"
mount -t tmpfs -o mode=755 none "$2/root/dev"
for node in null zero full random urandom tty; do
  touch "$2/root/dev/$node"
  mount --bind "/dev/$node" "$2/root/dev/$node"
done
ln -s /proc/self/fd "$2/root/dev/fd"
exec chroot "$2/root" /bin/sh /try/steps
`;

const STEPS = `
step() {
  what=$1; want=$2; script=$3
  /bin/sh -c "$(cat /try/$script)" > /tmp/out 2>&1 < /dev/null
  got=$?
  case $want in
    0) [ $got = 0 ] ;;
    drift) [ $got != 0 ] && [ $got -lt 126 ] ;;
  esac || { echo "$what: exit $got"; cat /tmp/out; exit 1; }
}
step 'not compliant at first' drift check
step 'the first apply' 0 apply
step 'compliant after it' 0 check
step 'the second apply' 0 apply
step 'compliant after that' 0 check
step 'the break' 0 break
step 'the drift is found' drift check
step 'the healing' 0 apply
step 'healed' 0 check
`;

function hostState() {
  return HOST_FILES.map((file) => {
    if (!fs.existsSync(file)) return `${file}: none`;
    const files = fs.statSync(file).isDirectory()
      ? fs.readdirSync(file).map((f) => path.join(file, f))
      : [file];
    return files.map((f) => `${f}: ${fs.readFileSync(f, 'base64')}`).join('\n');
  }).join('\n');
}

function must(command, args, timeout) {
  const ran = spawnSync(command, args, { encoding: 'utf8', timeout, env: { ...process.env, LC_ALL: 'C' } });
  if (ran.status === 0) return;
  throw new Error(
    `${command} ${args.join(' ')}: ${ran.error ?? ''}\n${`${ran.stdout}${ran.stderr}`.slice(-2000)}`,
  );
}

function found(command) {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0;
}

function fail(message) {
  say(message);
  return 1;
}

process.exitCode = await main();
