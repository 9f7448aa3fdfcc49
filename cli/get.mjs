// `fluxforge get`: lists as tables, single resources whole.
import { Failure } from './failure.mjs';
import { progressLine } from './progress.mjs';
import { age, table } from './text.mjs';

const MAX_ROWS = 1000;

const kinds = {
  states: {
    head: ['ID', 'NAME', 'MODE', 'COMPLIANT', 'DRIFTED', 'GIVEN UP', 'AGE'],
    row: (s) => [
      s.id,
      s.name,
      s.status.suspended ? 'suspended' : s.mode,
      `${s.status.targets.compliant}/${s.status.targets.total}`,
      String(s.status.targets.drifted + s.status.targets.remediating),
      String(s.status.targets.given_up),
      age(s.created_at),
    ],
  },
  tasks: {
    head: ['ID', 'NAME', 'KIND', 'PHASE', 'END', 'REASON', 'AGENT', 'AGE'],
    row: (t) => [
      t.id,
      t.name,
      t.kind,
      t.status.phase,
      t.status.end ?? '',
      t.status.reason,
      t.status.agent_id ?? '',
      age(t.created_at),
    ],
  },
  agents: {
    head: ['ID', 'NAME', 'PHASE', 'SLOTS', 'LABELS', 'AGE'],
    row: (a) => [
      a.id,
      a.name,
      a.status.draining ? `${a.status.phase}, draining` : a.status.phase,
      String(a.slots),
      Object.entries(a.labels)
        .map(([key, value]) => `${key}=${value}`)
        .join(','),
      age(a.created_at),
    ],
  },
};

kinds.schedules = {
  head: ['ID', 'NAME', 'CRON', 'ZONE', 'NEXT', 'FIRED', 'SKIPPED', 'MISSED', 'AGE'],
  row: (s) => [
    s.id,
    s.name,
    s.cron,
    s.time_zone,
    s.status.suspended ? 'suspended' : (s.status.next_at ?? 'never'),
    String(s.status.fired),
    String(s.status.skipped),
    String(s.status.missed),
    age(s.created_at),
  ],
};

const counted = ['members', 'queued', 'running', 'succeeded', 'failed', 'not_started', 'unknown'];

kinds.fanouts = {
  head: [
    ...['ID', 'PHASE', 'REASON', 'MEMBERS', 'QUEUED', 'RUNNING'],
    ...['SUCCEEDED', 'FAILED', 'NOT STARTED', 'UNKNOWN', 'AGE'],
  ],
  row: (f) => [
    f.id,
    f.status.phase,
    f.status.reason,
    ...counted.map((of) => String(f.status[of] ?? '')),
    age(f.created_at),
  ],
};

const targets = {
  head: ['STATE', 'AGENT', 'COMPLIANCE', 'REASON', 'ATTEMPTS', 'EXIT', 'CHANGED'],
  row: (t) => [
    t.state_id,
    t.agent_id,
    t.compliance,
    t.reason,
    String(t.attempts),
    t.last_exit_code === null ? '' : String(t.last_exit_code),
    age(t.updated_at),
  ],
};

/** Singular forms are understood as well. */
export async function get(client, kindWord, id, { output, selector, limit }, note) {
  const kind = kindWord.endsWith('s') ? kindWord : `${kindWord}s`;
  const query = { labels: selector };
  if (kind === 'targets') {
    const ofState = (state) => client.all(`/v1/states/${encodeURIComponent(state)}/targets`);
    return show(
      targets,
      await take(id ? ofState(await idOf(client, id)) : everyTarget(client, ofState), limit),
      output,
    );
  }
  if (!Object.hasOwn(kinds, kind))
    throw new Failure(`get what? states, targets, tasks, agents, schedules or fanouts, not ${kindWord}`);
  if (id) {
    const found = await one(client, kind, id);
    const progress = kind === 'fanouts' ? progressLine(found) : undefined;
    if (progress !== undefined) note(progress);
    return JSON.stringify(found, null, 2);
  }
  return show(kinds[kind], await take(client.all(`/v1/${kind}`, query), limit), output);
}

async function* everyTarget(client, ofState) {
  for await (const state of client.all('/v1/states')) yield* ofState(state.id);
}

/** A state may be named by its name. */
async function one(client, kind, id) {
  const found = kind === 'states' ? await idOf(client, id) : id;
  return client.get(`/v1/${kind}/${encodeURIComponent(found)}`);
}

export async function idOf(client, word) {
  if (word.startsWith('sta_')) return word;
  const { items } = await client.get('/v1/states', { name: word, limit: 1 });
  return items[0]?.id ?? word;
}

async function take(items, limit) {
  const most = Math.min(limit ?? MAX_ROWS, MAX_ROWS);
  const taken = [];
  for await (const item of items) {
    taken.push(item);
    if (taken.length >= most) break;
  }
  return taken;
}

function show({ head, row }, items, output) {
  if (output === 'json') return JSON.stringify(items, null, 2);
  return items.length === 0 ? 'none' : table(head, items.map(row));
}
