// The commands of `fluxforge`. Exit codes: 0 it holds, 1 it does not, 2 wrong usage.
import { Command, CommanderError } from 'commander';
import { apply } from './apply.mjs';
import { Client } from './client.mjs';
import { findConnection } from './connection.mjs';
import { events } from './events.mjs';
import { explain } from './explain.mjs';
import { Failure, WrongUsage } from './failure.mjs';
import { cancelFanout, fanout, retryFanout } from './fanout.mjs';
import { get, idOf } from './get.mjs';
import { logs } from './logs.mjs';
import { addOperatorCommands } from './operators.mjs';
import { schedule, scheduleVerbs } from './schedule.mjs';
import { submit } from './submit.mjs';
import { withTaskOptions } from './task.mjs';
import { harmless } from './text.mjs';
import { atLeastOne, json, pairs, reason, wholeNumber } from './usage.mjs';

const WRONG_USAGE = 2;

export async function main(
  argv,
  { stdout = process.stdout, stderr = process.stderr, env = process.env } = {},
) {
  const print = (text) => stdout.write(`${text}\n`);
  const client = () => new Client(findConnection(env));
  const out = (stream, text) => (stream === 'stderr' ? stderr : stdout).write(text);
  const note = (text) => stderr.write(`${text}\n`);
  const program = build({ print, note, client, out, stderr });
  try {
    await program.parseAsync(argv);
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : WRONG_USAGE;
    if (!(error instanceof Failure)) throw error;
    stderr.write(`fluxforge: ${harmless(error.message)}\n`);
    return error instanceof WrongUsage ? WRONG_USAGE : 1;
  }
}

function build({ print, note, client, out, stderr }) {
  const program = new Command('fluxforge')
    .description('Declares states of machines and runs tasks on them.')
    .exitOverride()
    .configureOutput({ writeOut: (text) => out('stdout', text), writeErr: (text) => stderr.write(text) })
    .showHelpAfterError();

  program
    .command('apply')
    .description('create or update what the files declare, and wait until it is accepted')
    .requiredOption('-f, --file <file...>', 'YAML or JSON, one or several documents; - is standard input')
    .action((options) => apply(client(), options, (text, wrong) => (wrong ? note(text) : print(text))));

  program
    .command('get <kind> [id]')
    .description('states, targets (of a state), tasks, agents, schedules or fanouts')
    .addOption(json())
    .option('-l, --selector <labels>', 'only those with these labels')
    .option('--limit <n>', 'at most so many', atLeastOne)
    .action(async (kind, id, options) => print(await get(client(), kind, id, options, note)));

  program
    .command('logs <task>')
    .description('what a task printed')
    .option('-f, --follow', 'until it has ended')
    .option('--attempt <n>', 'of this attempt', wholeNumber)
    .option('--raw', 'bytes as they are, control characters included')
    .action((task, options) => logs(client(), task, options, out));

  program
    .command('events <id>')
    .description('everything that happened to a state, a task or an agent')
    .addOption(json('one event per line, whole'))
    .action((id, options) => events(client(), id, options, print));

  program
    .command('explain <id> [agent]')
    .description('why a task waits, or (with an agent) why a state is not applied there')
    .addOption(json())
    .option('--as-of <time>', 'as it was then (RFC 3339), from the log')
    .action((id, agent, options) => explain(client(), id, agent, options, print));

  withTaskOptions(program.command('submit [command...]'))
    .description('run a command once on an agent; put -- before it')
    .option('--agent <id>', 'on this agent')
    .option('-l, --selector <labels>', 'on an agent with these labels')
    .option('--key <key>', 'idempotency key')
    .option('-w, --wait', 'until it has ended; fails unless it succeeded')
    .action((command, options) => submit(client(), command, options, { print, out }));

  withTaskOptions(program.command('fanout [command...]'))
    .description('run a command on every agent that matches; put -- before it')
    .requiredOption('-l, --selector <labels>', 'on the agents with these labels; * for all')
    .option('--max-concurrency <budget>', 'so many (or so many percent) at a time')
    .option('--max-failures <budget>', 'stop when more have failed')
    .option('--key <key>', 'idempotency key')
    .option('-w, --wait', 'until it has ended; fails unless all succeeded')
    .action((command, options) => fanout(client(), command, options, { print, note }));

  program
    .command('fanout-retry <id>')
    .description('run a fan-out again where it failed, never started, or is unknown')
    .option('-w, --wait', 'until it has ended; fails unless all succeeded')
    .action((id, options) => retryFanout(client(), id, options, { print, note }));

  program
    .command('fanout-cancel <id>')
    .description('start no further member, and stop those that run')
    .option('--reason <text>')
    .action((id, options) => cancelFanout(client(), id, options, print));

  const schedules = program
    .command('schedule')
    .alias('schedules')
    .description('a schedule, by its name or id');
  for (const [verb, about] of scheduleVerbs) {
    schedules
      .command(`${verb} <schedule>`)
      .description(about)
      .addOption(reason())
      .action((word, options) => schedule(client(), verb, word, options, print));
  }

  program
    .command('cancel <task>')
    .description('stop a task, or keep it from starting')
    .option('--reason <text>')
    .action(async (task, { reason }) => {
      const body = reason === undefined ? {} : { reason };
      await client().change('POST', `/v1/tasks/${encodeURIComponent(task)}/cancel`, { body });
      print(`${task}: cancel requested`);
    });

  program
    .command('join-token')
    .description('a token for one agent to join with')
    .option('-l, --label <pair...>', 'labels that the agent gets, key=value')
    .option('--expires-in <duration>')
    .action(async ({ label, expiresIn }) => {
      const body = {
        labels: pairs(label ?? []),
        ...(expiresIn === undefined ? {} : { expires_in: expiresIn }),
      };
      const made = await client().call('POST', '/v1/join-tokens', { body });
      print(made.join_token);
    });

  for (const [verb, method, suffix, done] of [
    ['suspend', 'POST', '/suspend', 'suspended'],
    ['resume', 'POST', '/resume', 'resumed'],
    ['delete', 'DELETE', '', 'deleted'],
  ]) {
    program
      .command(`${verb} <state>`)
      .description(`${verb} a state, by its name or id`)
      .action(async (state) => {
        const api = client();
        const id = await idOf(api, state);
        await api.change(method, `/v1/states/${encodeURIComponent(id)}${suffix}`);
        print(`${state}: ${done}`);
      });
  }
  addOperatorCommands(program, { print, client });
  return program;
}
