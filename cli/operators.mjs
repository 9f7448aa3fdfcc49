// The commands for whoever operates a tenant or the cluster.
import { Argument } from 'commander';
import { breakers, releaseBrake, resetBreaker, SCOPES } from './breakers.mjs';
import { deadlineOf, drain, removeAgent, undrain } from './drain.mjs';
import { limits, setting } from './limits.mjs';
import { mode, MODES } from './mode.mjs';
import { queue } from './queue.mjs';
import { simulate } from './simulate.mjs';
import { json, reason } from './usage.mjs';

export function addOperatorCommands(program, { print, client }) {
  program
    .command('limits [tenant]')
    .description("the tenant's limits, or changes of them; of another tenant for the operator")
    .option('--set <pair...>', 'name=value', setting)
    .option('--unset <name...>', 'no such limit any more')
    .addOption(json())
    .addOption(reason())
    .action((tenant, options) => limits(client(), tenant, options, print));

  program
    .command('mode')
    .description('the mode that holds for the tenant, or a change of it')
    .addArgument(new Argument('[mode]').choices(MODES))
    .option('--cluster', 'of the whole cluster, for the operator')
    .addOption(json())
    .addOption(reason())
    .action((wanted, options) => mode(client(), wanted, options, print));

  program
    .command('queue')
    .description('what waits, by priority')
    .addOption(json())
    .action((options) => queue(client(), options, print));

  program
    .command('breakers')
    .description('circuit breakers that are not closed, and the brake on mass loss')
    .addOption(json())
    .action((options) => breakers(client(), options, print));

  program
    .command('breaker-reset')
    .description('close the circuit breaker of an agent or a failure domain')
    .addArgument(new Argument('<scope>').choices(SCOPES))
    .argument('<name>', 'id of the agent, or the value that the domain has as label')
    .addOption(reason())
    .action((scope, name, options) => resetBreaker(client(), scope, name, options, print));

  program
    .command('release-brake')
    .description('take agents that fell silent in numbers for gone: what ran there may run elsewhere')
    .addOption(reason())
    .action((options) => releaseBrake(client(), options, print));

  program
    .command('drain <agent>')
    .description('give an agent nothing new; what runs there finishes')
    .option('--deadline <duration>', 'then what still runs is moved; a duration or a time', (word) =>
      deadlineOf(word),
    )
    .addOption(reason())
    .action((agent, options) => drain(client(), agent, options, print));

  program
    .command('undrain <agent>')
    .description('give a drained agent work again')
    .addOption(reason())
    .action((agent, options) => undrain(client(), agent, options, print));

  const agents = program.command('agents').alias('agent').description('what becomes of an agent');
  agents
    .command('remove <agent>')
    .description('remove an agent for good; what waits for it alone is cancelled')
    .addOption(reason())
    .action((agent, options) => removeAgent(client(), agent, options, print));

  program
    .command('simulate')
    .description('what the scheduler would do if things were otherwise; writes nothing')
    .requiredOption('-f, --file <file>', 'YAML or JSON as POST /v1/simulations takes it; - is standard input')
    .addOption(json())
    .action((options) => simulate(client(), options, print));
}
