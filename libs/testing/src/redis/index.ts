export { describeWithRedis, startTestRedis, type TestRedis } from './test-redis.js';
