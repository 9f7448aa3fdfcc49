// The example states of `npm start`. Each looks after one file in the demo folder of one agent and touches
// nothing else.
import fs from 'node:fs';
import path from 'node:path';

export const INTERVAL = '5s';
export const AGENTS = [
  { name: 'edge-1', labels: { role: 'web', site: 'local' } },
  { name: 'edge-2', labels: { role: 'db', site: 'local' } },
];

/** One word for /bin/sh, whatever is in it. */
export const quote = (text) => `'${String(text).replaceAll("'", String.raw`'\''`)}'`;

function file({ name, agent, role, target, content, mode }) {
  const at = quote(target);
  const text = quote(content);
  const draft = quote(`${target}.new`);
  // cat keeps the exit code apart from the comparison: a file that cannot be read is not the wanted one.
  const same = `test "$(cat ${at} 2>/dev/null)" = ${text}`;
  const right = mode ? ` && test -n "$(find ${at} -perm ${mode})"` : '';
  const chmod = mode ? ` && chmod ${mode} ${draft}` : '';
  return {
    file: target,
    agent,
    body: {
      name,
      selector: `role=${role}`,
      interval: INTERVAL,
      // A check that was on its way when everything stopped is waited for this long at the next start.
      check_timeout: '2s',
      check_cmd: `${same}${right}`,
      // Written beside and renamed, so that no reader sees half a file.
      apply_cmd: `mkdir -p ${quote(path.dirname(target))} && printf '%s\\n' ${text} > ${draft}${chmod} && mv -f ${draft} ${at}`,
      labels: { example: 'demo' },
    },
  };
}

export function demoStates(demoDir) {
  const on = (agent, name) => path.join(demoDir, agent, name);
  return [
    file({
      name: 'demo-motd',
      agent: 'edge-1',
      role: 'web',
      target: on('edge-1', 'motd'),
      content: 'This machine is kept in shape by FluxForge.',
    }),
    file({
      name: 'demo-app-config',
      agent: 'edge-2',
      role: 'db',
      target: on('edge-2', 'app.conf'),
      content: 'listen = 127.0.0.1\nworkers = 2',
    }),
    file({
      name: 'demo-key-permissions',
      agent: 'edge-1',
      role: 'web',
      target: on('edge-1', 'service.key'),
      content: 'not a real key',
      mode: '600',
    }),
  ];
}

export function makeDemoFolders(demoDir) {
  for (const { name } of AGENTS) fs.mkdirSync(path.join(demoDir, name), { recursive: true, mode: 0o755 });
}
