const rule = (name, comment, from, to) => ({ name, comment, severity: 'error', from, to });
// Specs, the suites they share, and the histories they are fed.
const notSpec = '\\.(spec|features|fixture)\\.ts$';

export default {
  forbidden: [
    rule('no-circular', 'A cycle means two concepts are one, or a third is missing.', {}, { circular: true }),
    rule('libs-not-to-apps', 'Libraries know no process.', { path: '^libs/' }, { path: '^apps/' }),
    rule(
      'apps-isolated',
      'Processes talk over the log or the wire.',
      { path: '^apps/([^/]+)/' },
      { path: '^apps/', pathNot: '^apps/$1/' },
    ),
    rule(
      'domain-pure',
      'Rules import nothing outside themselves but the pure doors of events.',
      { path: '^libs/domain/', pathNot: notSpec },
      { pathNot: ['^libs/domain/', '^libs/events/src/(catalogue|partitioner)/'] },
    ),
    rule(
      'catalogue-pure',
      'The catalogue is data: schemas and types.',
      { path: '^libs/events/src/(catalogue|partitioner)/', pathNot: notSpec },
      { pathNot: ['^libs/events/src/(catalogue|partitioner)/', 'node_modules/@sinclair/typebox'] },
    ),
    rule(
      'events-is-leaf',
      'Events know neither rules nor views.',
      { path: '^libs/events/', pathNot: notSpec },
      { path: '^libs/', pathNot: '^libs/(events|telemetry)/' },
    ),
    rule(
      'agent-stays-small',
      'The agent ships to foreign machines and must not drag in the control plane.',
      { path: '^apps/agent/', pathNot: notSpec },
      { path: '^libs/', pathNot: '^libs/(agent-protocol|config|telemetry)/' },
    ),
    rule(
      'agent-no-framework',
      'The agent needs no framework.',
      { path: '^apps/agent/' },
      { path: 'node_modules/(@nestjs|typeorm|kafkajs|pg)/' },
    ),
    rule(
      'no-deep-import',
      'One door per concept.',
      { path: '^apps/' },
      {
        path: '^libs/[^/]+/src/.+',
        pathNot: ['^libs/[^/]+/src/index\\.ts$', '^libs/[^/]+/src/[^/]+/index\\.ts$'],
      },
    ),
    rule(
      'testing-in-tests',
      'Test means stay out of the product.',
      { path: '^(apps|libs)/', pathNot: [notSpec, '^libs/testing/'] },
      { path: '^libs/testing/' },
    ),
    rule(
      'kafkajs-one-room',
      'The traps of the client are dealt with in one place.',
      { path: '^(apps|libs)/', pathNot: '^libs/events/src/kafka/' },
      { path: 'node_modules/kafkajs' },
    ),
    rule(
      'cache-is-leaf',
      'The cache knows nothing of what is kept in it, and its client is met in one place.',
      { path: '^libs/cache/', pathNot: notSpec },
      { path: '^libs/', pathNot: '^libs/cache/' },
    ),
    rule(
      'ioredis-one-room',
      'Deadlines and losses of Redis are dealt with in one place.',
      { path: '^(apps|libs)/', pathNot: '^libs/(cache|testing)/' },
      { path: 'node_modules/ioredis' },
    ),
    rule(
      'simulation-runs-production',
      'The simulation brings a world, never rules, a host or a journal of its own.',
      { path: '^libs/testing/src/simulation/' },
      { path: '^libs/testing/', pathNot: '^libs/testing/src/(simulation|workload)/' },
    ),
  ],
  options: {
    doNotFollow: { path: 'node_modules' },
    tsConfig: { fileName: 'tsconfig.json' },
    tsPreCompilationDeps: true,
    exclude: { path: '(^|/)(dist|generated)/' },
    enhancedResolveOptions: { exportsFields: ['exports'], conditionNames: ['import', 'node', 'default'] },
  },
};
