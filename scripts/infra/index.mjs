export { startKafka } from './kafka.mjs';
export { startPostgres } from './postgres.mjs';
export { startRedis } from './redis.mjs';
export { redisProgram } from './redis-program.mjs';
export { kafkaIsCached, kafkaJars, MissingPart } from './kafka-jars.mjs';
export { brokerIsReady } from './kafka-wire.mjs';
export { freePort, portIsFree, portOr } from '../lib/ports.mjs';
