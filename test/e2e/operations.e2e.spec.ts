import { eventually } from './support/eventually.js';
import { sharedInfra, type Infra } from './support/infra.js';
import { type Json } from './support/rest.js';
import { TestSystem } from './support/system.js';

/** What operators do, on real processes: each asks why, does what the answer names, and sees that it helped. */

jest.setTimeout(300_000);

const zones = { 'agent-1': 'a', 'agent-2': 'a', 'agent-3': 'b' } as const;
const agents = Object.entries(zones).map(([name, zone]) => ({ name, labels: `zone=${zone}`, slots: 2 }));

let infra: Infra;
let system: TestSystem;

beforeAll(async () => {
  infra = await sharedInfra();
  system = await TestSystem.start(infra, { agents, dispatchers: 2 });
  await eventually('all agents are found', async () => {
    const found = await system.rest.all('/v1/agents?phase=found');
    return found.length === agents.length;
  });
});

afterAll(async () => {
  await system?.remove();
  await infra?.stop();
});

const idOf = (name: keyof typeof zones) => system.identity(name).agentId;

async function submit(task: Json): Promise<string> {
  const body = { env: system.mark, ...task };
  return (await system.rest.write('POST', '/v1/tasks', { body })).id;
}

const why = (id: string, asOf = '') => system.rest.get(`/v1/tasks/${id}/explain${asOf}`);

async function ruleOf(id: string): Promise<unknown> {
  return (await why(id))['rule'];
}

function ended(id: string): Promise<Json> {
  return eventually(`${id} has ended`, () => system.journal.end(id)?.data);
}

const started = (id: string) =>
  eventually(`${id} has started`, () => system.journal.find('task.started', { task_id: id }));

describe('fan-outs', () => {
  it('run on the agents that matched, and again exactly where they failed', async () => {
    // The first of them fails, whoever that is; once there is a file, none does. The agents share this machine.
    const file = `${system.folder}/mended`;
    const command = `test -e ${file} || ! mkdir ${system.folder}/first`;
    const { id } = await system.rest.write('POST', '/v1/fanouts', {
      body: {
        selector: '*',
        max_concurrency: 2,
        max_failures: '100%',
        task: { command, max_attempts: 1, env: system.mark },
      },
    });
    const first = await fanoutEnded(id);
    const members = await system.rest.all(`/v1/fanouts/${id}/members?limit=2`);
    expect(first).toMatchObject({ phase: 'ended', members: 3 });
    const failed = members.filter(({ end }) => end === 'failed').map(({ agent_id }) => agent_id);
    expect([first['succeeded'], first['failed'], failed.length]).toEqual([2, 1, 1]);
    const tasks = await system.rest.all(`/v1/tasks?fanout_id=${id}&limit=2`);
    expect(tasks.map((task) => task['fanout_id'])).toEqual([id, id, id]);
    await ended(await submit({ command: `touch ${file}` }));
    const retry = await system.rest.write('POST', `/v1/fanouts/${id}/retry`);
    const again = await fanoutEnded(retry.id);
    const retried = await system.rest.all(`/v1/fanouts/${retry.id}/members`);
    expect(again['members']).toBe(failed.length);
    expect(retried.map(({ agent_id }) => agent_id).sort()).toEqual([...failed].sort());
  });

  async function fanoutEnded(id: string): Promise<Json> {
    return eventually(`fan-out ${id} has ended`, async () => {
      const status = (await system.rest.get(`/v1/fanouts/${id}`))['status'] as Json;
      return status['phase'] === 'ended' && status;
    });
  }
});

describe('schedules', () => {
  it('fire by themselves, and no more once they are suspended', async () => {
    const body = {
      name: 'each-minute',
      cron: '* * * * *',
      time_zone: 'Asia/Kathmandu',
      task: { command: 'true', env: system.mark },
    };
    const { id } = await system.rest.write('POST', '/v1/schedules', { body });
    const fired = await eventually(
      'the schedule has fired',
      async () => {
        const { status } = (await system.rest.get(`/v1/schedules/${id}`)) as { status: Json };
        return status['fired'] === 1 && status;
      },
      75_000,
    );
    expect(fired).toMatchObject({ skipped: 0, missed: 0, suspended: false });
    expect(await ended(String(fired['last_task_id']))).toMatchObject({ end: 'succeeded' });
    const firings = await system.rest.all(`/v1/tasks?schedule_id=${id}`);
    expect(firings).toMatchObject([{ id: fired['last_task_id'], kind: 'scheduled', schedule_id: id }]);
    await system.rest.write('POST', `/v1/schedules/${id}/suspend`);
    await eventually('it is suspended', async () => {
      const { status } = (await system.rest.get(`/v1/schedules/${id}`)) as { status: Json };
      return status['suspended'] === true && status['next_at'] === null;
    });
    await system.rest.write('DELETE', `/v1/schedules/${id}`);
    await eventually('it is gone', async () => {
      const answer = await system.rest.send('GET', `/v1/schedules/${id}`);
      return answer.kind === 'answered' && answer.status === 404;
    });
  });
});

describe('explanations', () => {
  it('say that no agent matches, as of now and as of then', async () => {
    const asked = {
      requests: { slots: 1 },
      placement: 'pack',
      concurrency: { key: 'k', max: 1, strategy: 'queue' },
    };
    const id = await submit({ command: 'true', selector: 'zone=moon', ...asked });
    expect(await eventually('it is shown', () => system.rest.get(`/v1/tasks/${id}`))).toMatchObject(asked);
    await eventually('it says so', async () => (await ruleOf(id)) === 'no_agent_matches');
    const atThen = new Date().toISOString();
    await system.rest.write('POST', `/v1/tasks/${id}/cancel`);
    await ended(id);
    const then = await eventually('the past is known', () => why(id, `?as_of=${atThen}`));
    expect(then).toMatchObject({ phase: 'queued', rule: 'no_agent_matches' });
  });

  it('name the mode, and simulations say what another would do; nothing is written by them', async () => {
    const mode = (name: string) => system.rest.write('PUT', '/v1/tenant/mode', { body: { mode: name } });
    // A priority that is let in by no mode but these.
    const id = await submit({ command: 'true', delay: '2s' });
    await mode('draining');
    await eventually('it waits for the mode', async () => (await ruleOf(id)) === 'mode_draining');
    const before = system.journal.all('task.leased').length;
    const simulated = await system.rest.expect('POST', '/v1/simulations', { body: { mode: 'normal' } });
    expect(simulated['placed']).toContainEqual(expect.objectContaining({ task_id: id }));
    expect(system.journal.all('task.leased').length).toBe(before);
    expect((await why(id))['remedies']).toMatchObject([{ kind: 'set-mode', mode: 'normal' }]);
    await mode('normal');
    expect(await ended(id)).toMatchObject({ end: 'succeeded' });
  });
});

describe('a trace', () => {
  it('goes with the submission to the run, which finds it in its environment', async () => {
    const traceparent = `00-${'ab'.repeat(16)}-${'cd'.repeat(8)}-01`;
    const body = { command: 'echo $TRACEPARENT', env: system.mark };
    const { id } = await system.rest.write('POST', '/v1/tasks', { body, headers: { traceparent } });
    await ended(id);
    await eventually('it printed the trace', async () => {
      const answer = await system.rest.send('GET', `/v1/tasks/${id}/output?format=text`);
      return answer.kind === 'answered' && answer.text.trim() === traceparent;
    });
  });
});

describe('the drain of an agent', () => {
  it('moves what still runs at its deadline, at no cost of an attempt', async () => {
    const id = await submit({ command: 'sleep 6', selector: 'zone=a', max_attempts: 1 });
    const { data } = await started(id);
    const from = String(data['agent_id']);
    const deadline = new Date(Date.now() + 500).toISOString();
    await system.rest.write('POST', `/v1/agents/${from}/drain`, { body: { deadline } });
    await eventually('the agent shows its deadline', async () => {
      const { status, capacity } = (await system.rest.get(`/v1/agents/${from}`)) as {
        status: Json;
        capacity: unknown;
      };
      return status['drain_deadline'] === deadline && capacity !== undefined;
    });
    await eventually('it is moved', () => system.journal.find('task.move-requested', { task_id: id }));
    expect(await ended(id)).toMatchObject({ end: 'succeeded', attempts_used: 2 });
    const leases = system.journal.all('task.leased', { task_id: id }).map((one) => one.data['agent_id']);
    expect(leases).toHaveLength(2);
    expect(leases[1]).not.toBe(from);
    await system.rest.write('POST', `/v1/agents/${from}/undrain`);
  });
});

describe('an agent whose runs fail', () => {
  it('is quarantined, says so, and works again when an operator says it is mended', async () => {
    const agent_id = idOf('agent-3');
    for (let i = 0; i < 5; i++) {
      await ended(await submit({ command: `exit ${i + 1}`, agent_id, max_attempts: 1 }));
    }
    await eventually('its breaker opens', () => system.journal.find('breaker.opened', { name: agent_id }));
    const id = await submit({ command: 'true', agent_id });
    await eventually('the task says so', async () => (await ruleOf(id)) === 'breaker_open');
    const breakers = [{ scope: 'agent', name: agent_id }];
    expect((await why(id))['remedies']).toMatchObject([{ kind: 'reset-breakers', breakers }, {}]);
    const shown = { scope: 'agent', name: agent_id, phase: 'open' };
    expect(await system.rest.get('/v1/breakers')).toMatchObject({ breakers: [shown], brake: null });
    await system.rest.write('POST', `/v1/agents/${agent_id}/reset-breaker`);
    expect(await ended(id)).toMatchObject({ end: 'succeeded' });
  });
});
