import {
  apiConfig,
  BadConfiguration,
  configuredOrExit,
  dispatcherConfig,
  projectorConfig,
  reconcilerConfig,
} from './index.js';

const good = {
  FLUXFORGE_KAFKA_BROKERS: '127.0.0.1:9092, kafka-2:9092',
  FLUXFORGE_POSTGRES_URL: 'postgres://u:p@127.0.0.1:5432/fluxforge',
  FLUXFORGE_SIGNING_KEY: 'k'.repeat(32),
};

function mistakesOf(read: () => unknown): readonly string[] {
  try {
    read();
  } catch (error: unknown) {
    if (error instanceof BadConfiguration) return error.mistakes;
    throw error;
  }
  return [];
}

describe('configuration', () => {
  it('fills in the defaults', () => {
    const config = apiConfig(good);
    expect(config.kafka).toEqual({
      brokers: ['127.0.0.1:9092', 'kafka-2:9092'],
      topicPrefix: 'fluxforge',
      partitions: 32,
      devMode: false,
    });
    expect(config.httpAddress).toEqual({ host: '127.0.0.1', port: 7070 });
    expect(config.logLevel).toBe('info');
    expect(config.usersGrpcAddress).toBeNull();
  });

  it('names every mistake together', () => {
    const mistakes = mistakesOf(() =>
      apiConfig({
        FLUXFORGE_KAFKA_BROKERS: 'nowhere',
        FLUXFORGE_PARTITIONS: '0',
        FLUXFORGE_DEV_MODE: 'yes',
        FLUXFORGE_LOG_LEVEL: 'loud',
        FLUXFORGE_API_HTTP_ADDRESS: '7070',
        FLUXFORGE_SIGNING_KEY: 'short',
      }),
    );
    expect(mistakes.map((m) => m.split(' ')[0]).sort()).toEqual([
      'FLUXFORGE_API_HTTP_ADDRESS',
      'FLUXFORGE_DEV_MODE',
      'FLUXFORGE_KAFKA_BROKERS',
      'FLUXFORGE_LOG_LEVEL',
      'FLUXFORGE_PARTITIONS',
      'FLUXFORGE_POSTGRES_URL',
      'FLUXFORGE_SIGNING_KEY',
    ]);
  });

  it('knows thresholds that contradict each other', () => {
    const env = { FLUXFORGE_AGENT_BREAKER_FAILURES: '7', FLUXFORGE_BREAKER_COOLDOWN_MS: '700000' };
    const more = { FLUXFORGE_BRAKE_SHARE_PERCENT: '0', FLUXFORGE_DOMAIN_BREAKER_OF: '9' };
    expect([...mistakesOf(() => dispatcherConfig({ ...good, ...env, ...more }))].sort()).toEqual([
      'FLUXFORGE_AGENT_BREAKER_FAILURES must not be more than FLUXFORGE_AGENT_BREAKER_OF, which is 6',
      'FLUXFORGE_BRAKE_SHARE_PERCENT must be a whole number from 1 to 100, not "0"',
      'FLUXFORGE_BREAKER_MAX_COOLDOWN_MS must not be less than FLUXFORGE_BREAKER_COOLDOWN_MS',
      'FLUXFORGE_DOMAIN_BREAKER_FAILURES must not be more than FLUXFORGE_DOMAIN_BREAKER_OF, which is 9',
    ]);
  });

  it('repeats no secret and no password', () => {
    const env = { ...good, FLUXFORGE_SIGNING_KEY: 'hush', FLUXFORGE_POSTGRES_URL: 'mysql://u:hush@h/d' };
    const mistakes = mistakesOf(() => apiConfig(env)).join('\n');
    expect(mistakes).toContain('FLUXFORGE_POSTGRES_URL');
    expect(mistakes).not.toContain('hush');
  });

  it('lets the dispatcher live without Postgres, not the projector', () => {
    const { FLUXFORGE_POSTGRES_URL: _gone, ...without } = good;
    expect(dispatcherConfig(without).postgresUrl).toBeNull();
    expect(mistakesOf(() => projectorConfig(without))).toEqual(['FLUXFORGE_POSTGRES_URL is missing']);
  });

  it('takes an empty variable as absent, port 0 and IPv6', () => {
    const env = { ...good, FLUXFORGE_OPS_ADDRESS: '[::1]:0', FLUXFORGE_TOPIC_PREFIX: '' };
    expect(projectorConfig(env).opsAddress).toEqual({ host: '::1', port: 0 });
    expect(projectorConfig(env).kafka.topicPrefix).toBe('fluxforge');
  });

  it('shares a cache only when told of one', () => {
    expect(apiConfig(good)).toMatchObject({
      redisUrl: null,
      apiServers: 1,
      maxLagRecords: 20_000,
      writesAtOnce: 64,
    });
    expect(dispatcherConfig({ ...good, FLUXFORGE_REDIS_URL: 'rediss://r:1' }).redisUrl).toBe('rediss://r:1');
    expect(reconcilerConfig({ ...good, FLUXFORGE_REDIS_URL: 'redis://r' }).redisUrl).toBe('redis://r');
    expect(reconcilerConfig(good).redisUrl).toBeNull();
    const wrong = { ...good, FLUXFORGE_REDIS_URL: 'http://u:hush@r', FLUXFORGE_API_SERVERS: '0' };
    const mistakes = mistakesOf(() => apiConfig(wrong));
    expect(mistakes).toHaveLength(2);
    expect(mistakes.join()).not.toContain('hush');
  });

  it('passes other errors through', () => {
    const read = () => {
      throw new TypeError('a bug');
    };
    expect(() => configuredOrExit(read)).toThrow(TypeError);
  });
});
