export { CommandsController, GetCommand, GetCommandHandler, CommandEnds } from './command-answers.js';
