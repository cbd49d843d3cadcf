/**
 * Real servers for tests and benchmarks: on 127.0.0.1, on free ports, each in a folder of its own.
 * They end with the process that started them.
 *
 *   const redis = await startRedis();      redis.url, redis.port, redis.pid
 *   await redis.restart();                 killed, and started again
 *   await redis.stop();
 */
export { startCaddy } from "./engines/caddy.mjs";
export { startCluster } from "./engines/cluster.mjs";
export { startHaproxy } from "./engines/haproxy.mjs";
export { startMemcached } from "./engines/memcached.mjs";
export { startNginx } from "./engines/nginx.mjs";
export { startPgBouncer, startPostgres, startPostgresStandby } from "./engines/postgres.mjs";
export { startPrometheus } from "./engines/prometheus.mjs";
export { startTcpProxy } from "./engines/proxy.mjs";
export { startRedis } from "./engines/redis.mjs";
export { startSentinel } from "./engines/sentinel.mjs";
