import { createLogger, inContext, Metrics, Readiness, startOpsServer } from './index.js';

function capturedLogger() {
  const lines: Record<string, unknown>[] = [];
  const destination = {
    write: (line: string) => void lines.push(JSON.parse(line) as Record<string, unknown>),
  };
  return { lines, logger: createLogger({ process: 'test', level: 'info', runId: 'r1', destination }) };
}

describe('logger', () => {
  it('puts the process and the context on each line', () => {
    const { lines, logger } = capturedLogger();
    inContext(logger, { tenant: 't1', task: 'x', trace: null }).info('moved');
    expect(lines[0]).toMatchObject({
      level: 'info',
      process: 'test',
      run: 'r1',
      tenant: 't1',
      task: 'x',
      msg: 'moved',
    });
    expect(lines[0]).not.toHaveProperty('trace');
  });

  it('hides secrets', () => {
    const { lines, logger } = capturedLogger();
    logger.info({ agent: { credential: 's3cret' }, api_key: 's3cret' }, 'enrolled');
    expect(JSON.stringify(lines)).not.toContain('s3cret');
  });
});

describe('metrics', () => {
  it('shows what was used, with its labels and the process', async () => {
    const metrics = new Metrics('test');
    metrics.add('fluxforge_poison_records_total', { topic: 'a' }, 2);
    metrics.observe('fluxforge_commit_seconds', { context: 'tasks' }, 0.004);
    const text = await metrics.scrape();
    expect(text).toContain('fluxforge_poison_records_total{topic="a",process="test"} 2');
    expect(text).toContain('fluxforge_commit_seconds_count{process="test",context="tasks"} 1');
    expect(text).not.toContain('fluxforge_agents_lost_total');
  });

  it('drops a series that has ended', async () => {
    const metrics = new Metrics('test');
    metrics.set('fluxforge_queue_depth', { partition: 3 }, 7);
    metrics.remove('fluxforge_queue_depth', { partition: 3 });
    expect(await metrics.scrape()).not.toContain('partition="3"');
  });
});

describe('readiness', () => {
  it('is down until each part has spoken, and takes the worst', () => {
    const readiness = new Readiness(['kafka', 'postgres']);
    expect(readiness.ready).toBe(false);
    readiness.set('kafka', 'ok');
    readiness.set('postgres', 'ok');
    expect(readiness.report().status).toBe('ok');
    readiness.set('partition tasks/3', 'degraded', 'halted');
    expect(readiness.report()).toMatchObject({ status: 'degraded' });
    expect(readiness.ready).toBe(true);
    readiness.set('kafka', 'down');
    expect(readiness.ready).toBe(false);
  });
});

describe('ops server', () => {
  it('serves metrics, health and readiness', async () => {
    const metrics = new Metrics('test');
    const stopWatching = metrics.watchProcess();
    const readiness = new Readiness(['kafka']);
    const ops = await startOpsServer({ address: { host: '127.0.0.1', port: 0 }, metrics, readiness });
    try {
      const status = async (path: string) => (await fetch(`http://${ops.address}${path}`)).status;
      expect(await status('/healthz')).toBe(200);
      expect(await status('/readyz')).toBe(503);
      readiness.set('kafka', 'ok');
      expect(await status('/readyz')).toBe(200);
      expect(await status('/nothing')).toBe(404);
      const text = await (await fetch(`http://${ops.address}/metrics`)).text();
      expect(text).toContain('fluxforge_event_loop_delay_seconds{quantile="p99",process="test"}');
      expect(text).toContain('process_cpu_seconds_total');
    } finally {
      await ops.close();
      stopWatching();
    }
  });
});
