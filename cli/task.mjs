// What a task has, as options of the commands that make tasks. What is left out has the API's defaults.
import { Option } from 'commander';
import { WrongUsage } from './failure.mjs';
import { pairs, said, wholeNumber } from './usage.mjs';

export function withTaskOptions(command) {
  return command
    .option('--shell <script>', 'a script for /bin/sh -c instead of a command')
    .addOption(
      new Option('--executor <name>', 'noop runs nothing, and takes no command').choices(['shell', 'noop']),
    )
    .option('--name <name>')
    .option('--label <pair...>', 'labels of the task, key=value')
    .option('--env <pair...>', 'variables beside those of the agent, NAME=value')
    .option('--cwd <path>', 'working directory')
    .option('--run-as <user>')
    .option('--priority <n>', '0 is the highest, 9 the lowest', wholeNumber)
    .option('--delay <duration>', 'not started before this long from now')
    .option('--not-before <time>', 'not started before (RFC 3339)')
    .option('--not-after <time>', 'never started after (RFC 3339); ends as expired')
    .option('--delivery-timeout <duration>', 'from being queued to being accepted by an agent')
    .option('--timeout <duration>', 'of one run')
    .option('--kill-grace <duration>', 'between TERM and KILL')
    .option('--attempts <n>', 'runs before it has failed', wholeNumber)
    .option('--backoff-base <duration>', 'wait before the second attempt; doubled for each further one')
    .option('--backoff-max <duration>', 'longest wait between attempts')
    .option('--output-limit-bytes <n>', 'of each stream of one run', wholeNumber)
    .option('--slots <n>', 'that a run takes of its agent', wholeNumber)
    .option('--cpu-millis <n>', 'that a run takes of its agent', wholeNumber)
    .option('--memory-bytes <n>', 'that a run takes of its agent', wholeNumber)
    .addOption(
      new Option('--placement <strategy>', 'the emptiest agent first, or the fullest with room').choices([
        'spread',
        'pack',
      ]),
    )
    .option('--concurrency-key <key>', 'tasks of one key take turns')
    .option('--concurrency-max <n>', 'that run at one time', wholeNumber)
    .addOption(
      new Option('--concurrency-strategy <strategy>', 'while the key is taken').choices([
        'queue',
        'drop-new',
        'cancel-running',
        'round-robin',
      ]),
    );
}

/** As POST /v1/tasks takes it, but for which agent. */
export function taskOf(words, options) {
  return said({
    executor: options.executor,
    command: commandOf(words, options),
    name: options.name,
    labels: options.label && pairs(options.label),
    env: options.env && pairs(options.env, 'a variable'),
    cwd: options.cwd,
    run_as: options.runAs,
    priority: options.priority,
    delay: options.delay,
    not_before: options.notBefore,
    not_after: options.notAfter,
    delivery_timeout: options.deliveryTimeout,
    execution_timeout: options.timeout,
    kill_grace: options.killGrace,
    max_attempts: options.attempts,
    backoff: said({ base: options.backoffBase, max: options.backoffMax }),
    output_limit_bytes: options.outputLimitBytes,
    requests: said({
      slots: options.slots,
      cpu_millis: options.cpuMillis,
      memory_bytes: options.memoryBytes,
    }),
    placement: options.placement,
    concurrency: said({
      key: options.concurrencyKey,
      max: options.concurrencyMax,
      strategy: options.concurrencyStrategy,
    }),
  });
}

function commandOf(words, { shell, executor }) {
  const ways = (words.length > 0) + (shell !== undefined);
  if (executor === 'noop' && ways === 0) return undefined;
  if (executor === 'noop') throw new WrongUsage('executor noop runs no command');
  if (ways !== 1) throw new WrongUsage('give a command after --, or --shell SCRIPT');
  return shell ?? words;
}
