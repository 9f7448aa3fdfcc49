import { describeWithRedis, startTestRedis, type TestRedis } from '@fluxforge/testing/redis';
import { eventually } from './support/eventually.js';
import { sharedInfra, type Infra } from './support/infra.js';
import { Submitter } from './support/submissions.js';
import { TestSystem } from './support/system.js';

/**
 * A real Redis between two dispatchers and the API, emptied and killed under load: nothing that was accepted is lost,
 * nothing is refused that would not be otherwise, and no request waits for it.
 */

jest.setTimeout(240_000);

const settleMs = 60_000;
/** An answer must have come by then: that of Kafka, with room for a busy machine, and none of the cache. */
const answerMs = 5_000;
const load = 400;
const lanes = 8;

describeWithRedis('with a Redis that comes and goes', () => {
  let redis: TestRedis;
  let infra: Infra;
  let system: TestSystem;
  let submitter: Submitter;

  beforeAll(async () => {
    redis = await startTestRedis();
    infra = await sharedInfra();
    const agents = [{ name: 'one', slots: 8 }];
    system = await TestSystem.start(infra, { agents, dispatchers: 2, redisUrl: redis.url });
    submitter = new Submitter(system.rest, 'cached');
  });

  afterAll(async () => {
    await system?.remove();
    await infra?.stop();
    await redis?.close();
  });

  const queue = async () => {
    const answer = await system.rest.send('GET', '/v1/queue');
    if (answer.kind !== 'answered' || answer.status !== 200) throw new Error(JSON.stringify(answer));
    return answer.body;
  };
  const shownBy = (source: 'mirror' | 'owner') =>
    eventually(
      `the queue is shown by the ${source}`,
      async () => {
        const found = await queue();
        return found['source'] === source ? found : undefined;
      },
      settleMs,
    );

  it('shows the mirrored queue while it is young', async () => {
    // Waits for its time, so that there is a queue for as long as the test takes.
    await system.rest.write('POST', '/v1/tasks', { body: { command: 'true', delay: '2h', priority: 7 } });
    const shown = await shownBy('mirror');
    expect(shown).toMatchObject({ queued: 1, ready: 0, by_priority: [0, 0, 0, 0, 0, 0, 0, 1, 0, 0] });
    expect(Number(shown['age_ms'])).toBeLessThanOrEqual(2_000);
  });

  it('emptied, killed and back again under load, changes no outcome', async () => {
    let sent = 0;
    const at = async (n: number): Promise<void> => {
      if (n === load * 0.2 || n === load * 0.3) await redis.flush();
      if (n === load * 0.5) await redis.kill();
      if (n === load * 0.75) await redis.restart();
    };
    const lane = async () => {
      while (sent < load) {
        sent += 1;
        await at(sent);
        const submission = submitter.begin(submitter.submissions.length % 2 === 0);
        const startedMs = performance.now();
        const body = { command: 'true', env: system.mark };
        expect(await submitter.send(submission, body)).toMatchObject({ outcome: 'accepted', status: 202 });
        expect(performance.now() - startedMs).toBeLessThan(answerMs);
      }
    };
    await Promise.all(Array.from({ length: lanes }, lane));
    const ids = submitter.submissions.map(({ taskIds }) => String(taskIds[0]));
    expect(new Set(ids).size).toBe(load);
    for (const id of ids) {
      const end = await eventually(`task ${id} ends`, () => system.journal.end(id), settleMs);
      expect(end.data).toMatchObject({ end: 'succeeded' });
    }
    const quiet = async () => {
      const { source, queued, running } = await queue();
      return source === 'mirror' && queued === 1 && running === 0;
    };
    await eventually('the mirror shows what is left', quiet, settleMs);
  });

  it('says by whom the queue is shown while the cache is away', async () => {
    await redis.kill();
    expect(await shownBy('owner')).toMatchObject({ queued: 1 });
    const before = submitter.submissions.find(({ key }) => key !== null)!;
    expect(await submitter.send(before, { command: 'true', env: system.mark })).toMatchObject({
      outcome: 'accepted',
    });
    expect(before.taskIds).toHaveLength(1);
    await redis.restart();
    expect(await shownBy('mirror')).toMatchObject({ queued: 1 });
  });

  it('standing still costs a request its deadline once, and changes nothing else', async () => {
    redis.pause();
    try {
      for (let n = 0; n < 10; n++) {
        const startedMs = performance.now();
        const submission = submitter.begin(true);
        expect(await submitter.send(submission, { command: 'true', env: system.mark })).toMatchObject({
          outcome: 'accepted',
        });
        expect(performance.now() - startedMs).toBeLessThan(answerMs);
      }
    } finally {
      redis.resume();
    }
    await shownBy('mirror');
  });

  it('refuses for a full queue by the mirror, and the scheduler holds the limit whatever came through', async () => {
    const tenant = await system.rest.send('GET', '/v1/tenant');
    if (tenant.kind !== 'answered') throw new Error(tenant.error);
    const before = tenant.body['limits'] as { max_queued_tasks: number };
    const setLimit = async (limit: number) => {
      await system.rest.write('PATCH', '/v1/tenant/limits', { body: { max_queued_tasks: limit } });
    };
    await setLimit(3);
    const refused = async () => {
      const body = { command: 'true', delay: '2h' };
      const answer = await system.rest.send('POST', '/v1/tasks', { body });
      if (answer.kind !== 'answered') throw new Error(answer.error);
      return answer.status === 429 && answer.body['limit'] === 'max_queued_tasks';
    };
    await eventually('the full queue is refused for', refused, settleMs);
    expect(await shownBy('mirror')).toMatchObject({ queued: 3 });
    await setLimit(before.max_queued_tasks);
    await eventually('it is let in again', async () => !(await refused()), settleMs);
  });

  it.each(['there', 'gone'])('holds the rate while it is %s', async (where) => {
    const limits = { submissions_per_s: 4, submission_burst: where === 'there' ? 10 : 12 };
    await system.rest.write('PATCH', '/v1/tenant/limits', { body: limits });
    const known = async () => {
      const tenant = await system.rest.send('GET', '/v1/tenant');
      const found = tenant.kind === 'answered' ? tenant.body['limits'] : null;
      return (found as typeof limits | null)?.submission_burst === limits.submission_burst;
    };
    await eventually('the limit is known', known, settleMs);
    if (where === 'gone') await redis.kill();
    const startedMs = performance.now();
    const counts: Record<string, number> = {};
    for (let n = 0; n < 60; n++) {
      const body = { command: 'true', env: system.mark };
      const answer = await system.rest.send('POST', '/v1/tasks', { body });
      if (answer.kind !== 'answered') throw new Error(answer.error);
      const limit = answer.status === 429 ? `429 ${String(answer.body['limit'])}` : String(answer.status);
      counts[limit] = (counts[limit] ?? 0) + 1;
    }
    const spanS = (performance.now() - startedMs) / 1_000;
    expect(Object.keys(counts).sort()).toEqual(['202', '429 submissions_per_s']);
    expect(counts['202']).toBeGreaterThanOrEqual(1);
    expect(counts['202']).toBeLessThanOrEqual(limits.submission_burst + limits.submissions_per_s * spanS + 1);
  });
});
